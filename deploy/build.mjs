#!/usr/bin/env node
// Compiles the published folders to dist/: plain ES modules with declarations and source maps, the command line executable.
// Quiet when all is well, so that `npm pack --silent` prints the tarball's name and nothing else.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build as bundle } from 'esbuild'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('dist', { recursive: true, force: true })

const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  encoding: 'utf8',
})
if (status !== 0) {
  process.stderr.write(`${stdout}${stderr}build: the sources do not compile, dist/ is not complete\n`)
  process.exit(1)
}

// tsc (6.0) leaves './x.ts' in import('./x.ts') where the function around it has a `using` that it compiles away.
const left = readdirSync('dist', { recursive: true }).filter(
  path => path.endsWith('.js') && /\bimport\(\s*['"]\.[^'"]*\.ts['"]/.test(readFileSync(`dist/${path}`, 'utf8')),
)
if (left.length > 0) {
  process.stderr.write(
    `build: import('….ts') is left in ${left.join(', ')}: move it out of the function with \`using\`\n`,
  )
  process.exit(1)
}

// A thread that loads a hundred small modules starts 80 ms later than one that loads ten: each folder that has one door
// becomes one file, in its place. What lies outside the folder stays an import, so nothing exists twice.
const doors = [
  'wire/values',
  'wire/errors',
  'sdk/client',
  'sdk/options',
  'sdk/capture',
  'agent/code',
  'agent/core',
  'agent/directory',
  'agent/peer',
]
const outside = folder => ({
  name: 'outside-stays-outside',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ path, kind, resolveDir }) => {
      if (kind === 'entry-point') return undefined
      return relative(folder, join(resolveDir, path)).startsWith('..') ? { path, external: true } : undefined
    })
  },
})
for (const door of doors) {
  const folder = join(process.cwd(), 'dist', door)
  await bundle({
    entryPoints: [join(folder, 'index.js')],
    outfile: join(folder, 'index.js'),
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    packages: 'external',
    sourcemap: true,
    sourcesContent: true,
    keepNames: true,
    logLevel: 'error',
    plugins: [outside(folder)],
  })
  for (const file of readdirSync(folder, { recursive: true })) {
    if (/\.js(\.map)?$/.test(file) && !/^index\./.test(file)) rmSync(join(folder, file))
  }
}

for (const [name, path] of Object.entries(JSON.parse(readFileSync('package.json', 'utf8')).bin)) {
  if (!existsSync(path) || !readFileSync(path, 'utf8').startsWith('#!/usr/bin/env node\n')) {
    process.stderr.write(
      `build: ${path}, the command '${name}', is missing or lacks its first line #!/usr/bin/env node\n`,
    )
    process.exit(1)
  }
  chmodSync(path, 0o755)
}
