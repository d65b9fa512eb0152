/** Names that a secret of the vault may have. */
export const isSecretName = (text: string): boolean => /^[A-Za-z0-9._-]{1,128}$/.test(text);

/** The secret that signs a tenant's webhooks where they bring and name none of their own. */
export const DEFAULT_SIGNING_SECRET = 'webhook-signing-secret';
