import type { Figure } from './figure.ts'

/** Everything that is measured, in the order it is printed. */
export const figures: readonly Figure[] = [
  { id: 'embedded', title: 'no-op tasks, embedded peer', module: './agent/embedded' },
  {
    id: 'typescript',
    title: 'the same, the program and the limit in TypeScript: slower once Node has stripped types',
    module: './agent/embedded',
    asSource: true,
  },
  {
    id: 'allocation',
    title: 'bytes allocated for a no-op task',
    module: './agent/allocation',
    nodeOptions: ['--min-semi-space-size=64', '--max-semi-space-size=64'],
  },
  { id: 'socket', title: "no-op tasks, through the agent's socket", module: './agent/socket' },
  { id: 'start', title: 'init() to the first result, fresh process', module: './sdk/start' },
  { id: 'capture', title: 'capture of a closure and its first call', module: './sdk/capture' },
  { id: 'view', title: 'get { copy: false } of 1 GiB', module: './agent/view' },
  { id: 'nested', title: 'nested tasks', module: './agent/nested' },
  { id: 'mesh', title: 'on another agent (QUIC, loopback)', module: './mesh/tasks' },
  { id: 'life', title: 'a mesh of three agents', module: './mesh/life' },
  { id: 'objects-put', title: 'a typed array of 100 MiB into the store', module: './objects/put' },
  { id: 'objects-small', title: 'small values', module: './objects/small' },
  { id: 'objects-refs', title: 'many refs at once', module: './objects/refs' },
  {
    id: 'objects-growth',
    title: '100,000 objects of 1 KiB put, passed and released, four rounds',
    module: './objects/growth',
    nodeOptions: ['--expose-gc'],
  },
  { id: 'objects-spill', title: '4 GiB through a store of 512 MiB', module: './objects/spill' },
  { id: 'objects-streams', title: 'items of a generator', module: './objects/streams' },
  { id: 'actors-calls', title: 'calls of one actor, embedded peer', module: './actors/calls' },
  { id: 'actors-remote', title: 'calls of one actor on another agent (QUIC, loopback)', module: './actors/remote' },
  { id: 'actors-chain', title: 'tasks that wait for calls that wait for tasks', module: './actors/chain' },
  {
    id: 'actors-many',
    title: 'many actors on one peer',
    module: './actors/many',
    nodeOptions: ['--expose-gc'],
  },
  { id: 'piscina', title: 'Piscina, where it is installed', module: './rivals/piscina' },
]
