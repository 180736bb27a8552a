import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Of a page, where /proc counts in pages: the page size of all that Node runs on there but some arm64 kernels. */
let pageBytes: number | undefined

/** Memory of a process that is resident, in bytes. Rejects where there is no such process. */
export async function residentBytes(pid: number): Promise<number> {
  return residentNow(pid) ?? (await askPs(pid))
}

/** The same at once, where the kernel can be asked without waiting. Throws where there is no such process. */
export function residentNow(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1])
  pageBytes ??= pageBytesOf(process.pid)
  return pages * pageBytes
}

/** From what /proc says of one process in pages and in kB. */
function pageBytesOf(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1])
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
  // The two reads are a moment apart: rounded to a power of two.
  return 2 ** Math.round(Math.log2((kilobytes * 1024) / pages))
}

function askPs(pid: number): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (error, text) => {
      const kilobytes = Number(text)
      if (error || !(kilobytes > 0)) reject(error ?? new Error(`no process ${pid}`))
      else resolve(kilobytes * 1024)
    })
  })
}
