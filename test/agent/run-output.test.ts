import { appendFileSync, closeSync, mkdtempSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { RunOutput } from '../../agent/runs/index.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Everything from a place on. */
function readAll(output: RunOutput, from = 0): { text: string; from: number } {
  let text = ''
  let first = -1
  for (let at = from; ; ) {
    const piece = output.read('stdout', at, 7)
    if (piece.bytes.length === 0) return { text, from: first < 0 ? from : first }
    if (first < 0) first = piece.from
    text += piece.bytes.toString('latin1')
    at = piece.next
  }
}

t.test('places in what was said stay the same through rotation; of too much the newest is kept', t => {
  using place = folder()
  const output = new RunOutput(place.path, { fileBytesMax: 10, filesMax: 3 })
  const file = output.open('stdout')
  writeSync(file, 'abcdefghijkl')
  output.rotate()
  t.same(readAll(output), { text: 'cdefghijkl', from: 2 }, 'more than a file takes at once: its end')
  writeSync(file, 'mno')
  output.rotate()
  t.same(readAll(output, 10), { text: 'klmno', from: 10 })
  writeSync(file, 'pqrstuvwxyz')
  output.rotate()
  writeSync(file, '0123456789')
  output.rotate()
  t.same(readdirSync(place.path).toSorted(), ['stdout', 'stdout.16', 'stdout.26'])
  t.same(readAll(output), { text: 'qrstuvwxyz0123456789', from: 16 })
  t.same(output.read('stderr', 0).bytes.length, 0)
  t.equal(output.bytes, 20)
  closeSync(file)
  output.remove()
  t.same(readdirSync(place.path), [])
  t.end()
})

t.test('whatever is written and rotated when: what is read is what was written there', t => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ maxLength: 30 }), fc.constant('\u0000rotate')), { maxLength: 40 }),
      steps => {
        using place = folder()
        const output = new RunOutput(place.path, { fileBytesMax: 20, filesMax: 4 })
        let said = ''
        for (const step of steps) {
          if (step === '\u0000rotate') output.rotate()
          else {
            const text = Buffer.from(step).toString('latin1')
            appendFileSync(join(place.path, 'stdout'), text, 'latin1')
            said += text
          }
        }
        // From every place, what follows is the end of what was said.
        const { text } = readAll(output)
        if (!said.endsWith(text)) return false
        const kept = said.length - text.length
        for (let at = kept; at <= said.length; at += 3) if (readAll(output, at).text !== said.slice(at)) return false
        return text.length >= Math.min(said.length, 20)
      },
    ),
    { numRuns: 50 },
  )
  t.end()
})
