// Runs the acceptance programs of the groups that are finished, where they are beside the checkout, and judges those alone:
// files that use what later versions bring do not even load yet, and say so as cases of their own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * As many as the time of a run allows, of each group: the slowest are left out, each of which starts several agents or moves
 * gigabytes. All of them together take another quarter of an hour.
 */
const finished = new RegExp(
  [
    '^((?!(A(16|20|25|33|35|50)|B8|F(5|6|8|10|23|25)|G(1|5|6|8|10|11|13|15|20|21|23|28|30|31)|H(1|3|5|6|8|10|11|13|16|18|20)|I(1|3|5|6)|J(3|6|8|10|15|16|18)|N(31|38))$)[ABNQFGHIJ]\\d+',
    'C(1|3|5|6|10|11|15|16|18|20|21|23|25|26|28|30|31|33|35|36|41)',
    'D(3|5|6|11|20)',
    'E(1|3|5|6|10|13|15|20|23|26)',
    'K(3|5|6|10|15|16|18|30|31|33|35|36)',
    'L(5|16|18|21)',
    'M(1|5|8|10|13)',
    'O(18|20|33)',
    'P8)$',
  ].join('|'),
)

const folder = mkdtempSync(join(tmpdir(), 'shoal-acceptance-json-'))
try {
  const json = join(folder, 'results.json')
  const args = ['../shared/acceptance/run.mjs', '--only', finished.source, '--json', json, '--jobs', '1']
  spawnSync(process.execPath, args, { stdio: 'inherit' })
  const results = JSON.parse(readFileSync(json, 'utf8')).filter(({ id }) => finished.test(id))
  const passed = results.filter(({ ok }) => ok).length
  for (const { id, ok, why } of results) if (!ok) console.log(`not ok ${id}: ${why}`)
  console.log(`${passed} passed, ${results.length - passed} failed`)
  process.exitCode = results.length > 0 && passed === results.length ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
