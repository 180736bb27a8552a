import type { KeyObject } from 'node:crypto'
import {
  type Credential,
  chainFromHeader,
  chainToHeader,
  credentialFromHeader,
  credentialToHeader,
  foundIssuer,
  type Issuer,
  issueCredential,
  type Role,
  type Signed,
  type TicketFile,
  type TicketRow,
} from '../../mesh/admission/index.ts'
import { generateKey, keyFromPem, keyToPem, meshIdOf } from '../../mesh/identity/index.ts'
import type { KnownAddress } from '../../mesh/node/index.ts'
import { decodeHeader, encodeHeader } from '../../mesh/wire/index.ts'
import { readIfThere, writeDurably } from './durable-file.ts'
import type { Home } from './home.ts'
import { HomeError } from './home-error.ts'
import { readSecret } from './secret-file.ts'

/** This home's place in its mesh. */
export interface MeshMembership {
  readonly meshId: string
  readonly role: Role
  readonly credential: Credential
  /** The right to let others in. */
  readonly issuer: Issuer | undefined
}

interface MeshFile {
  meshId: string
  role?: Role
  /** The root key, where this home founded the mesh. */
  rootKey?: string
  /** CBOR in base64: the credential, and the chain of this peer's own right to issue. */
  credential?: string
  chain?: string
}

/** The mesh this home belongs to; the first time it founds one of its own. Throws `HomeError`. */
export function loadMembership(
  home: Home,
  peer: { peerId: string; key: KeyObject },
  nowMs = Date.now(),
): MeshMembership {
  const file = readMeshFile(home)
  if (!file) {
    const rootKey = generateKey()
    return found(home, rootKey, peer, nowMs)
  }
  if (file.rootKey !== undefined) {
    const rootKey = keyFromPem(file.rootKey)
    if (!rootKey || meshIdOf(rootKey) !== file.meshId) {
      throw damaged(home, 'the mesh id and the root key do not belong together')
    }
    // The founder lets itself in anew at each start.
    return found(home, rootKey, peer, nowMs)
  }
  const { meshId, role, credential, chain } = readJoined(home, file)
  const body = decodeHeader(credential.member.body) as { peer?: unknown }
  if (body.peer !== peer.peerId) {
    throw new HomeError(
      home.meshFile,
      `holds the credential of another peer (${String(body.peer)}): restore it from a backup, or remove it and join again`,
    )
  }
  const issuer = chain && role === 'peer' ? { key: peer.key, root: credential.root, chain } : undefined
  return { meshId, role, credential, issuer }
}

function found(
  home: Home,
  rootKey: KeyObject,
  { peerId, key }: { peerId: string; key: KeyObject },
  nowMs: number,
): MeshMembership {
  const meshId = meshIdOf(rootKey)
  const issuer = foundIssuer(rootKey, key, peerId, nowMs)
  if (!readIfThere(home.meshFile)) writeMeshFile(home, { meshId, rootKey: keyToPem(rootKey) })
  return { meshId, role: 'peer', issuer, credential: issueCredential(issuer, { peerId, role: 'peer' }, nowMs) }
}

function readJoined(
  home: Home,
  file: MeshFile,
): { meshId: string; role: Role; credential: Credential; chain: readonly Signed[] | undefined } {
  const { meshId, role, credential, chain } = file
  if ((role !== 'peer' && role !== 'driver') || typeof credential !== 'string')
    throw damaged(home, 'it has no credential')
  try {
    return {
      meshId,
      role,
      credential: credentialFromHeader(decodeHeader(Buffer.from(credential, 'base64'))),
      chain: chain === undefined ? undefined : chainFromHeader(decodeHeader(Buffer.from(chain, 'base64'))),
    }
  } catch {
    throw damaged(home, 'its credential cannot be read')
  }
}

function damaged(home: Home, what: string): HomeError {
  return new HomeError(
    home.meshFile,
    `is damaged (${what}): restore it from a backup, or remove it to found a new mesh or join one`,
  )
}

/** What a ticket was redeemed for is this home's mesh from now on. */
export function saveMembership(
  home: Home,
  joined: { meshId: string; role: Role; credential: Credential; chain: readonly Signed[] | undefined },
): void {
  const { meshId, role, credential, chain } = joined
  writeMeshFile(home, {
    meshId,
    role,
    credential: base64(credentialToHeader(credential)),
    ...(chain ? { chain: base64(chainToHeader(chain)) } : {}),
  })
}

/** A renewed credential. The founder's is made anew at each start, and is not kept. */
export function saveCredential(home: Home, credential: Credential): void {
  const file = readMeshFile(home)
  if (!file || file.rootKey !== undefined) return
  writeMeshFile(home, { ...file, credential: base64(credentialToHeader(credential)) })
}

function base64(value: Parameters<typeof encodeHeader>[0]): string {
  return Buffer.from(encodeHeader(value)).toString('base64')
}

function writeMeshFile(home: Home, file: MeshFile): void {
  writeDurably(home.meshFile, `${JSON.stringify(file, undefined, 2)}\n`)
}

function readMeshFile(home: Home): MeshFile | undefined {
  const text = readSecret(home.meshFile)
  if (text === undefined) return undefined
  const file = parse(text) as Partial<MeshFile> | undefined
  if (typeof file !== 'object' || file === null || typeof file.meshId !== 'string')
    throw damaged(home, 'it names no mesh')
  return file as MeshFile
}

/** The id of the mesh that this home belongs to, if it does. Throws `HomeError`. */
export function readMeshId(home: Home): string | undefined {
  return readMeshFile(home)?.meshId
}

/** Whether this home's mesh is one that it founded and nobody has joined. */
export function isAloneInMesh(home: Home): boolean {
  const file = readMeshFile(home)
  return file?.rootKey !== undefined && readRemembered(home).length === 0
}

/** The tickets that this home has made. */
export function ticketFile(home: Home): TicketFile {
  return {
    read() {
      const text = readSecret(home.ticketsFile)
      if (text === undefined) return []
      const rows = parse(text)
      if (!Array.isArray(rows)) {
        throw new HomeError(
          home.ticketsFile,
          'is damaged: remove it (the tickets that this peer has made are void then)',
        )
      }
      return rows as TicketRow[]
    },
    write: rows => writeDurably(home.ticketsFile, `${JSON.stringify(rows)}\n`),
  }
}

/** Members that were known when it was last written: where to look for the mesh at the next start. */
export function readRemembered(home: Home): KnownAddress[] {
  const rows = parse(readIfThere(home.peersFile) ?? '[]')
  if (!Array.isArray(rows)) return []
  return rows.filter(
    (row): row is KnownAddress =>
      typeof row?.peerId === 'string' &&
      Array.isArray(row.addresses) &&
      row.addresses.every((address: unknown) => typeof address === 'string'),
  )
}

export function writeRemembered(home: Home, known: readonly KnownAddress[]): void {
  writeDurably(home.peersFile, `${JSON.stringify(known, undefined, 2)}\n`)
}

/** Where the mesh listened last. */
export function readListen(home: Home): string | undefined {
  const text = readIfThere(home.listenFile)?.trim()
  return text !== undefined && /^(?:\[[0-9a-fA-F:.]+\]|[\d.]+):\d{1,5}$/.test(text) ? text : undefined
}

export function writeListen(home: Home, address: string): void {
  if (readListen(home) !== address) writeDurably(home.listenFile, `${address}\n`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
