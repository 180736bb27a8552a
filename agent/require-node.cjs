// For this repository's own scripts: `node --require ./agent/require-node.cjs script.ts`. An older Node cannot even read
// a .ts file, so the check has to run before the script is loaded, and in JavaScript that any Node understands.
'use strict'
const min = require('../package.json').engines.node.replace(/^>=/, '')
const [major, minor] = process.versions.node.split('.').map(Number)
const [majorMin, minorMin] = min.split('.').map(Number)
if (major < majorMin || (major === majorMin && minor < (minorMin || 0))) {
  process.stderr.write(
    `This script needs Node ${min} or newer, and this is ${process.versions.node}. ` +
      'The repository brings its own: npm ci, then npm run …; or install a newer one.\n',
  )
  process.exit(1)
}
