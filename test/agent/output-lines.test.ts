import t from 'tap'
import { OutputLines } from '../../agent/peer/output-lines.ts'

t.test('lines are whole; what is unfinished comes when its task, or the worker, ends', async t => {
  const printed: [number, boolean, string][] = []
  const lines = new OutputLines((...one) => printed.push(one))
  const taken = () => printed.splice(0)
  lines.write(1, false, 'whole\n')
  t.same(taken(), [[1, false, 'whole\n']])
  lines.write(1, false, 'a')
  lines.write(2, false, 'other task\n')
  lines.write(1, true, 'other stream')
  lines.write(1, false, 'b\nc\nd')
  t.same(taken(), [
    [2, false, 'other task\n'],
    [1, false, 'ab\nc\n'],
  ])
  lines.ended(2)
  t.same(taken(), [])
  lines.ended(1)
  t.same(taken(), [
    [1, true, 'other stream'],
    [1, false, 'd'],
  ])
  lines.ended(1)
  lines.write(-1, false, 'of no task')
  t.same(taken(), [[-1, false, 'of no task']], 'nothing would end it')
  lines.write(3, false, 'x'.repeat(70_000))
  t.equal(taken().length, 1, 'it is bounded')
  lines.write(3, false, 'last words')
  lines.close()
  t.same(taken(), [[3, false, 'last words']])
})
