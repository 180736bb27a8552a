import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { get, init, type ObjectRef, put } from 'shoal'
import type { Reading } from '../figure.ts'

const MiB = 1 << 20
const store = 512 * MiB
const total = 4096 * MiB
const each = 16 * MiB

/** 4 GiB of objects through a store of 512 MiB, written and read back, beside a plain file of the same bytes. */
export async function measure(): Promise<Reading[]> {
  const plain = plainFile()
  await using _mesh = await init({ address: 'local', cpus: 1, objectStoreBytes: store })
  const value = new Uint8Array(each)
  // The store's pages are touched before.
  const warm = await Promise.all(Array.from({ length: store / each / 2 }, () => put(value)))
  for (const ref of warm) ref.release()

  const startedAt = performance.now()
  const refs: ObjectRef<Uint8Array>[] = []
  for (let i = 0; i < total / each; i++) {
    value[0] = i
    value[each - 1] = i
    refs.push(await put(value))
  }
  const putAt = performance.now()
  for (const [i, ref] of refs.entries()) {
    const view = await get(ref, { copy: false })
    if (view[0] !== (i & 0xff) || view[each - 1] !== (i & 0xff)) throw new Error(`object ${i} is wrong`)
    ref.release()
  }
  const seconds = (performance.now() - startedAt) / 1000
  const rate = total / 1e6 / seconds
  return [
    {
      what: 'spill and restore of 4 GiB',
      value: rate,
      unit: 'MB/s',
      limit: { what: 'a plain file, written and read', value: plain },
      mark: { of: 'ratio', atLeast: 0.6 },
      note: `put ${((putAt - startedAt) / 1000).toFixed(1)} s, read ${(seconds - (putAt - startedAt) / 1000).toFixed(1)} s`,
    },
  ]
}

/** Writes the same bytes to a file in the same folder, and reads them: MB/s. */
function plainFile(): number {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-plain-'))
  try {
    const piece = new Uint8Array(each)
    const startedAt = performance.now()
    const fd = openSync(join(dir, 'plain'), 'w+')
    for (let at = 0; at < total; at += each) writeSync(fd, piece, 0, each, at)
    for (let at = 0; at < total; at += each) readSync(fd, piece, 0, each, at)
    closeSync(fd)
    return total / 1e6 / ((performance.now() - startedAt) / 1000)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
