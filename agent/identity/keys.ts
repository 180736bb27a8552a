import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

/** A new Ed25519 private key. */
export function generateKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey
}

/** A private key as PKCS#8 PEM, for a file of mode 0600. */
export function keyToPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** Reads what `keyToPem` wrote; `undefined` where the text is no Ed25519 private key. */
export function keyFromPem(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    return undefined
  }
}
