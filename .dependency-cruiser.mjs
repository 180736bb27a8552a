/**
 * The arrows of the architecture page, held in CI: sdk → wire ← agent → mesh, cores without I/O, one door a folder.
 * @type {import('dependency-cruiser').IConfiguration}
 */

/** Everything that is published. */
const ours = '^(wire|sdk|agent|mesh|microbenchmark)/'

/** Pure state machines: no I/O, no clock, no randomness; what they need comes in as events. */
const pure = '^(agent/core/|mesh/membership/|agent/directory/(raft/|(commands|entries|knowledge|voters)\\.ts))'

/** Files that a program's process starts or imports as an entry: loaded by URL, not through a folder's door. */
const entries =
  '^(agent/(cli/shoal|daemon|require-node|embedded|embedded-start|workers/thread)|sdk/index|microbenchmark/program)\\.c?[jt]s$'

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that import each other are one concept in two places.',
      severity: 'error',
      from: { path: ours },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'wire-imports-nothing-of-ours',
      comment: 'wire/ is what sdk, agent and workers all speak.',
      severity: 'error',
      from: { path: '^wire/' },
      to: { path: '^(sdk|agent|mesh|microbenchmark|test|bench|examples)/' },
    },
    {
      name: 'sdk-imports-no-agent',
      comment: 'Only sdk/embedded.ts may name the agent, to start it in a thread.',
      severity: 'error',
      from: { path: '^sdk/', pathNot: '^sdk/embedded\\.ts$' },
      to: { path: '^(agent|mesh)/' },
    },
    {
      name: 'embedded-starts-the-agent-thread-only',
      severity: 'error',
      from: { path: '^sdk/embedded\\.ts$' },
      to: { path: '^(agent|mesh)/', pathNot: '^agent/embedded-start\\.ts$' },
    },
    {
      name: 'agent-imports-no-sdk',
      comment: "A worker's thread loads the public `shoal`, which tasks import; nothing else of the agent does.",
      severity: 'error',
      from: { path: '^agent/', pathNot: '^agent/workers/' },
      to: { path: '^sdk/' },
    },
    {
      name: 'workers-import-the-public-sdk-only',
      severity: 'error',
      from: { path: '^agent/workers/' },
      to: { path: '^sdk/', pathNot: '^sdk/index\\.ts$' },
    },
    {
      name: 'mesh-knows-no-task',
      severity: 'error',
      from: { path: '^mesh/' },
      to: { path: '^(agent|sdk)/' },
    },
    {
      name: 'cores-do-no-io',
      comment: 'Cores decide, shells act: no module of Node, no package.',
      severity: 'error',
      from: { path: pure },
      to: { dependencyTypes: ['core', 'npm', 'npm-optional', 'npm-peer', 'npm-dev'] },
    },
    {
      name: 'cores-import-no-shell',
      severity: 'error',
      from: { path: '^agent/core/' },
      to: { path: ours, pathNot: '^(agent/core|wire)/' },
    },
    {
      name: 'one-door-an-area',
      comment: 'From another area only index.ts is imported; the files of wire/ are its doors, and tests look inside.',
      severity: 'error',
      from: { path: '^([^/]+)/', pathNot: '^test/' },
      to: {
        path: '^(agent|sdk|mesh|microbenchmark)/',
        pathNot: ['^$1/', '/index\\.ts$', entries],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'one-door-a-folder',
      comment:
        'Inside one area its folders are entered by their index.ts, or by the file of the same name beside them.',
      severity: 'warn',
      from: { path: '^(agent|sdk|mesh)/([^/]+)\\.ts$' },
      to: { path: '^$1/[^/]+/', pathNot: ['^$1/$2/', '/index\\.ts$', entries] },
    },
    {
      name: 'one-door-a-sibling',
      comment: 'A folder enters its sibling folder by its index.ts.',
      severity: 'warn',
      from: { path: '^(agent|sdk|mesh)/([^/]+)/' },
      to: { path: '^$1/[^/]+/', pathNot: ['^$1/$2/', '/index\\.ts$', entries] },
    },
    {
      name: 'users-use-the-public-door',
      comment: 'Examples, and the programs of `shoal bench`, import `shoal` as a user does.',
      severity: 'error',
      from: { path: '^(examples|microbenchmark)/' },
      to: { path: ours, pathNot: ['^sdk/index\\.ts$', '^microbenchmark/'] },
    },
    {
      name: 'no-development-packages',
      comment: 'What is published runs on `dependencies` alone.',
      severity: 'error',
      from: { path: ours },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^(wire|sdk|agent|mesh|microbenchmark|bench|examples)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that starts nothing is left over.',
      severity: 'warn',
      from: { orphan: true, path: ours, pathNot: entries },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.tap|shared)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['shoal-source', 'types', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
}
