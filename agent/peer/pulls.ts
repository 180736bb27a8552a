import type { BulkStream } from '../../mesh/node/index.ts'
import { asCount, asList, type HeaderValue, MalformedFrameError } from '../../mesh/wire/index.ts'
import { type Location, state } from '../core/index.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'
import { CorruptError, inMemory, NAMES_PER_FRAME, objectHeader, receiveObject, sendObject } from './transfers.ts'
import { OwnerTable, ownerFrom, type WireNames } from './wire-names.ts'

/** What fetching needs of the remote side. */
export interface PullHost {
  readonly names: WireNames
  /** Names a row for others. */
  nameOf(table: OwnerTable, row: number): HeaderValue
  isLinked(peer: number): boolean
  openBulk(peerId: string, header: HeaderValue): Promise<BulkStream>
  stirred(): void
  log(line: string): void
}

/** The refs inside a value that comes over a stream. */
async function namesOf(
  stream: BulkStream,
  header: { [key: string]: HeaderValue | undefined },
): Promise<{ owners: ReturnType<typeof ownerFrom>[]; parts: HeaderValue[] }> {
  const owners = asList(header.o ?? [], 'owners').map(one => {
    const [peerId, incarnation] = asList(one, 'an owner', 2)
    return ownerFrom(peerId, incarnation)
  })
  const parts: HeaderValue[] = []
  for (let left = header.c === undefined ? 0 : asCount(header.c, 'frames'); left > 0; left--)
    parts.push(await stream.frame())
  return { owners, parts }
}

/** Bytes of stored values between peers: fetched into this store, and sent to those who fetch. */
export class Pulls {
  readonly #parts: PeerParts
  readonly #host: PullHost
  #open = 0
  readonly #waiting: number[] = []
  closed = false

  constructor(parts: PeerParts, host: PullHost) {
    this.#parts = parts
    this.#host = host
  }

  /** Fetches a value: a few at a time, so that many do not starve each other. */
  pull(row: number): void {
    const { rows } = this.#parts.owner
    if (this.#open >= limits.pullsMax) {
      this.#waiting.push(rows.token(row))
      return
    }
    this.#open++
    void this.#pull(rows.token(row)).finally(() => {
      this.#open--
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        const waiting = rows.rowOf(next)
        if (waiting < 0) continue
        this.pull(waiting)
        break
      }
      this.#host.stirred()
    })
  }

  async #pull(token: number): Promise<void> {
    const { owner, store } = this.#parts
    const { rows, objects, peers } = owner
    const row = rows.rowOf(token)
    if (row < 0) return
    const location = rows.more(row).locations?.[0]
    if (!location) {
      objects.unreachable(row, -1, 'nobody has its bytes')
      return
    }
    const { peerId } = peers.get(location.peer)
    let offset = -1
    let stream: BulkStream | undefined
    try {
      stream = await this.#openTo(peerId, location)
      const { bytes, header } = await objectHeader(stream)
      const names = await namesOf(stream, header)
      if (bytes < 0) throw new Error(`peer ${peerId} does not have it any more`)
      const room = await this.#roomFor(bytes)
      if (typeof room !== 'number') {
        stream.reset()
        objects.noRoom(row, room)
        return
      }
      offset = room
      await receiveObject(stream, { u8: store.u8, at: offset, bytes })
      const keys = names.parts.flatMap(part => this.#host.names.readKeys(names.owners, part))
      objects.arrived(row, offset, keys.length > 0 ? objects.rowsOfKeys(keys) : undefined)
    } catch (error) {
      const { message } = error as Error
      this.#host.log(`fetching from ${peerId}: ${message}`)
      stream?.reset()
      if (offset >= 0) objects.spilling.free(offset)
      objects.unreachable(row, location.peer, `its bytes could not be fetched from ${peerId}: ${message}`)
    }
  }

  /** Room in the store, or the error that says why there is none. */
  #roomFor(bytes: number): Promise<number | Uint8Array> {
    const { spilling } = this.#parts.owner.objects
    const room = new Promise<number | Uint8Array>(resolve => {
      spilling.request({ bytes, found: resolve, refused: resolve })
    })
    this.#host.stirred()
    return room
  }

  /** A link that was cut may come back: only the death of the peer ends the attempt. */
  async #openTo(peerId: string, location: Location): Promise<BulkStream> {
    for (;;) {
      if (!this.#host.isLinked(location.peer)) throw new Error(`peer ${peerId} is gone`)
      try {
        return await this.#host.openBulk(peerId, { t: 'object', k: location.token })
      } catch (error) {
        if (this.closed) throw error
        await new Promise(resolve => setTimeout(resolve, limits.relinkMs))
      }
    }
  }

  /** Another peer fetches something. */
  async send(peerId: string, map: { [key: string]: HeaderValue | undefined }, stream: BulkStream): Promise<void> {
    const { owner, store } = this.#parts
    const { rows, objects } = owner
    try {
      if (map.t !== 'object') throw new MalformedFrameError(`a stream of type ${String(map.t)}`)
      const row = rows.rowOf(asCount(map.k, 'token'))
      const extra = row < 0 ? undefined : rows.extra[row]
      if (!extra || (!extra.value && !objects.isHere(row)) || rows.state[row] === state.failed) {
        await stream.send({ gone: true })
        await stream.end()
        return
      }
      const table = new OwnerTable()
      const names = (extra.holds ?? []).map(held => this.#host.nameOf(table, held))
      const header: { [key: string]: HeaderValue } = {
        o: table.owners.map(({ peerId, incarnation }) => [peerId, incarnation]),
        c: Math.ceil(names.length / NAMES_PER_FRAME),
      }
      if (extra.value) {
        await sendObject(stream, header, names, inMemory(extra.value, 0, extra.value.length))
        return
      }
      // Nothing of it goes while it is read.
      const { offset, bytes, token } = objects.pin(row)
      try {
        if (offset >= 0) await sendObject(stream, header, names, inMemory(store.u8, offset, bytes))
        else await this.#sendSpilled(stream, header, names, token)
      } finally {
        objects.unpin(token)
        this.#host.stirred()
      }
    } catch (error) {
      stream.reset()
      this.#host.log(`peer ${peerId} fetches: ${(error as Error).message}`)
    }
  }

  /** What is on disk goes from there to the other peer, past the store. */
  async #sendSpilled(
    stream: BulkStream,
    header: { [key: string]: HeaderValue },
    names: readonly HeaderValue[],
    token: number,
  ): Promise<void> {
    const { owner, store } = this.#parts
    const row = owner.rows.rowOf(token)
    const file = await store.openSpilled(owner.rows.more(row).disk as number)
    try {
      const { bytes, checksum } = file
      await sendObject(stream, header, names, { bytes, checksum, fill: (into, at) => file.read(at, into) })
    } catch (error) {
      if (error instanceof CorruptError) owner.objects.spilling.lose(row, error.message)
      throw error
    } finally {
      await file.close()
    }
  }
}
