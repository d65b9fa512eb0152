/** One allocation for many texts. */
const SLAB_BYTES = 1024 * 1024;

interface Slab {
  readonly bytes: Buffer;
  readonly texts: number;
}

/**
 * A queue of texts as UTF-8 in large slabs. Many small buffers of their own would cost far more than their bytes: each has an
 * object, an allocation, and what other allocations leave unused between them.
 */
export class PackedTexts {
  #full: Slab[] = [];
  #slab = Buffer.alloc(0);
  #used = 0;
  #ends: number[] = [];
  /** Texts in slabs that are full. */
  #closed = 0;

  add(text: string): void {
    const most = text.length * 3;
    if (this.#used + most > this.#slab.length) {
      // Counted only where the guess says that it may be too long.
      const bytes = Buffer.byteLength(text);
      if (this.#used + bytes > this.#slab.length) {
        this.#closeSlab();
        this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      }
    }
    this.#used += this.#slab.write(text, this.#used);
    this.#ends.push(this.#used);
  }

  clear(): void {
    this.#full = [];
    this.#slab = Buffer.alloc(0);
    this.#used = 0;
    this.#ends = [];
    this.#closed = 0;
  }

  /** All texts in their order. They are gone afterwards, slab by slab as they are taken. */
  *take(): Generator<string> {
    this.#closeSlab();
    const slabs = this.#full;
    const ends = this.#ends;
    this.clear();
    let index = 0;
    for (let slab = slabs.shift(); slab; slab = slabs.shift()) {
      let start = 0;
      for (let left = slab.texts; left > 0; left -= 1) {
        const end = ends[index] ?? start;
        yield slab.bytes.toString('utf8', start, end);
        start = end;
        index += 1;
      }
    }
  }

  #closeSlab(): void {
    const texts = this.#ends.length - this.#closed;
    if (texts > 0) this.#full.push({ bytes: this.#slab, texts });
    this.#closed += texts;
    this.#used = 0;
  }
}
