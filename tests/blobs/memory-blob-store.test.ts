import { MemoryBlobStore } from '../../src/blobs/memory/memory-blob-store.ts';
import { blobStoreSuite } from './suite.ts';

blobStoreSuite('the memory store', async () => new MemoryBlobStore());
