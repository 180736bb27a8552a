import type { KeyObject } from 'node:crypto'
import { generateKey, keyFromPem, keyToPem, peerIdOf } from '../../mesh/identity/index.ts'
import { readIfThere, writeDurably } from './durable-file.ts'
import type { Home } from './home.ts'
import { HomeError } from './home-error.ts'
import { readSecret } from './secret-file.ts'

/** Who the peer of a home is. */
export interface PeerIdentity {
  readonly peerId: string
  readonly key: KeyObject
}

/** The peer's key; made on the first use. Throws `HomeError` where the file is broken or others can read it. */
export function loadPeerIdentity(home: Home): PeerIdentity {
  const found = readPeerIdentity(home)
  if (found) return found
  const key = generateKey()
  writeDurably(home.keyFile, keyToPem(key))
  return { peerId: peerIdOf(key), key }
}

/** The peer's key, where there is one. */
export function readPeerIdentity(home: Home): PeerIdentity | undefined {
  const pem = readSecret(home.keyFile)
  if (pem === undefined) return undefined
  const key = keyFromPem(pem)
  if (!key) {
    throw new HomeError(
      home.keyFile,
      'holds no Ed25519 private key (PKCS#8 PEM): restore it from a backup, or remove it to become a new peer',
    )
  }
  return { peerId: peerIdOf(key), key }
}

/**
 * The next incarnation: max(persisted + 1, wall clock in ms), on disk before it is used (protocols §2), so that no two
 * runs of a peer share one, whatever the clock does. Throws `HomeError`.
 */
export function nextIncarnation(home: Home, nowMs: number = Date.now()): number {
  const next = Math.max((readIncarnation(home) ?? 0) + 1, Math.floor(nowMs))
  writeDurably(home.incarnationFile, `${next}\n`)
  return next
}

/** The incarnation of the last start, if there was one. */
export function readIncarnation(home: Home): number | undefined {
  const text = readIfThere(home.incarnationFile)?.trim()
  if (text === undefined) return undefined
  const last = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(last)) {
    throw new HomeError(
      home.incarnationFile,
      'holds no incarnation number: remove it, and the clock gives the next one',
    )
  }
  return last
}
