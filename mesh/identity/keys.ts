import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

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

/** A private key as libp2p writes it: protobuf {1: type Ed25519 = 1, 2: 32 bytes of seed, 32 of public key}. */
export function libp2pPrivateKey(key: KeyObject): Uint8Array {
  const { d, x } = key.export({ format: 'jwk' })
  return Buffer.concat([
    Buffer.from([0x08, 0x01, 0x12, 0x40]),
    Buffer.from(d as string, 'base64url'),
    Buffer.from(x as string, 'base64url'),
  ])
}

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** The key of 32 raw bytes (RFC 8032). */
export function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' })
}
