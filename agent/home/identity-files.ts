import type { KeyObject } from 'node:crypto'
import { statSync } from 'node:fs'
import { generateKey, keyFromPem, keyToPem, meshIdOf, peerIdOf } from '../../mesh/identity/index.ts'
import { readIfThere, writeDurably } from './durable-file.ts'
import type { Home } from './home.ts'
import { HomeError, onFile } from './home-error.ts'

/** Who the peer of a home is. */
export interface PeerIdentity {
  readonly peerId: string
  readonly key: KeyObject
}

/** The mesh of a home: its id, and the root key where this home founded it. */
export interface MeshIdentity {
  readonly meshId: string
  readonly rootKey: KeyObject
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

/** The mesh this home belongs to; the first time it founds one of its own. Throws `HomeError`. */
export function loadMeshIdentity(home: Home): MeshIdentity {
  const found = readMeshIdentity(home)
  if (found) return found
  const rootKey = generateKey()
  const meshId = meshIdOf(rootKey)
  writeDurably(home.meshFile, `${JSON.stringify({ meshId, rootKey: keyToPem(rootKey) }, undefined, 2)}\n`)
  return { meshId, rootKey }
}

/** The mesh this home belongs to, if it does. */
export function readMeshIdentity(home: Home): MeshIdentity | undefined {
  const text = readSecret(home.meshFile)
  if (text === undefined) return undefined
  const { meshId, rootKey } = parseObject(text)
  const key = typeof rootKey === 'string' ? keyFromPem(rootKey) : undefined
  if (!key || meshIdOf(key) !== meshId) {
    throw new HomeError(
      home.meshFile,
      'is damaged (the mesh id and the root key do not belong together): restore it from a backup, or remove it to found a new mesh',
    )
  }
  return { meshId, rootKey: key }
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

function readSecret(path: string): string | undefined {
  const text = readIfThere(path)
  if (text === undefined) return undefined
  const mode = onFile(path, () => statSync(path)).mode & 0o777
  if ((mode & 0o077) !== 0) {
    throw new HomeError(
      path,
      `other users may read this secret (mode ${mode.toString(8)}): chmod 600 ${path}, or remove it if somebody did`,
    )
  }
  return text
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
