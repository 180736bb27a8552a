import { createHash, type KeyObject } from 'node:crypto'
import { base58Decode, base58Encode } from './base58.ts'

/** The 32 raw bytes of an Ed25519 public key (RFC 8032), or of the public half of a private one. */
export function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url')
}

/** Identity multihash (0x00) of 36 bytes (0x24): protobuf {1: type Ed25519 = 1, 2: data of 32 bytes}. */
const ed25519Prefix = Buffer.from([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])

/** The libp2p PeerId of an Ed25519 key: `12D3KooW…` (libp2p's peer-ids specification). */
export function peerIdOf(key: KeyObject): string {
  return base58Encode(Buffer.concat([ed25519Prefix, rawPublicKey(key)]))
}

/** The id of the mesh that this root key founds: base58btc of the SHA-256 of the raw public key. */
export function meshIdOf(rootKey: KeyObject): string {
  return base58Encode(createHash('sha256').update(rawPublicKey(rootKey)).digest())
}

/** The same, of a root key's 32 raw bytes. */
export function meshIdOfRaw(raw: Uint8Array): string {
  return base58Encode(createHash('sha256').update(raw).digest())
}

/** The raw public key that an Ed25519 PeerId holds, or undefined where it is none. */
export function rawKeyOfPeerId(peerId: string): Uint8Array | undefined {
  if (peerId.length > 64) return undefined
  const bytes = base58Decode(peerId)
  if (bytes?.length !== 38 || !ed25519Prefix.every((byte, i) => bytes[i] === byte)) return undefined
  return bytes.subarray(6)
}
