import { get, type PeerInfo, put, release, task, wait } from 'shoal'
import { type Figure, outstanding, times } from '../figure.ts'
import { gigabytesPerSecond, inTurns, type Probe, perSecond, timed } from '../probe.ts'

const small = (i: number) => ({ i, text: 'a small value' })
const clones = perSecond(outstanding, () => times(outstanding, i => structuredClone(small(i))))

export const putSmall: Figure = {
  what: 'put of small values, 1,000 outstanding',
  async measure({ seconds }) {
    const { value, cloned } = await inTurns(seconds, {
      value: perSecond(outstanding, async () => {
        release(...(await Promise.all(times(outstanding, i => put(small(i))))))
      }),
      cloned: clones,
    })
    return { what: this.what, value, unit: '/s', yardstick: { what: 'structuredClone', value: cloned } }
  },
}

export const getSmall: Figure = {
  what: 'get of small values, one after the other',
  async measure({ seconds }) {
    const refs = await Promise.all(times(outstanding, i => put(small(i))))
    const { value, cloned } = await inTurns(seconds, {
      value: perSecond(outstanding, async () => {
        for (const ref of refs) await get(ref)
      }),
      cloned: clones,
    })
    release(...refs)
    return { what: this.what, value, unit: '/s', yardstick: { what: 'structuredClone', value: cloned } }
  },
}

export const putLarge: Figure = {
  what: 'put of 100 MiB',
  async measure({ seconds, here }) {
    const mebibytes = roomFor(100, here)
    const source = new Float64Array((mebibytes << 20) / 8).fill(0.5)
    const { value, copied } = await inTurns(seconds, {
      value: gigabytesPerSecond(source.byteLength, async () => {
        let ref: Awaited<ReturnType<typeof put>> | undefined
        const taken = await timed(async () => {
          ref = await put(source)
        })
        ref?.release()
        return taken
      }),
      copied: memcpy(source),
    })
    const what = `put of ${mebibytes} MiB`
    return { what, value, unit: 'GB/s', yardstick: { what: 'memcpy', value: copied } }
  },
}

export const remoteObject: Figure = {
  what: 'an object of 64 MiB fetched from another peer',
  async measure({ seconds, here, there }) {
    const mebibytes = roomFor(64, here, there!)
    const made = task((bytes: number) => new Float64Array(bytes / 8).fill(0.5), { placement: { peer: there!.peerId } })
    const bytes = mebibytes << 20
    const { value, copied } = await inTurns(seconds, {
      value: gigabytesPerSecond(bytes, async () => {
        using ref = made.remote(bytes)
        await wait([ref], { fetchLocal: false })
        return await timed(() => get(ref))
      }),
      copied: memcpy(new Float64Array(bytes / 8).fill(0.5)),
    })
    const what = `an object of ${mebibytes} MiB fetched from another peer`
    return { what, value, unit: 'GB/s', yardstick: { what: 'memcpy', value: copied } }
  },
}

/** A copy within this process, into memory whose pages have been touched. */
function memcpy(source: Float64Array): Probe {
  const target = new Float64Array(new SharedArrayBuffer(source.byteLength)).fill(0)
  return gigabytesPerSecond(source.byteLength, () => timed(() => target.set(source)))
}

/** So many mebibytes, or a quarter of the smallest store: what is spilled would be the disk's figure. */
function roomFor(mebibytes: number, ...peers: readonly PeerInfo[]): number {
  const least = Math.min(...peers.map(({ store }) => store.capacityBytes))
  return Math.max(1, Math.min(mebibytes, Math.floor(least / 4 / 2 ** 20)))
}
