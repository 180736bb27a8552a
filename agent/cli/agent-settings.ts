import type { Resources } from '../../wire/state.ts'
import { defaultResources, objectStoreShare, usableMemoryBytes } from '../machine.ts'
import type { Arguments, OptionSpec } from './command.ts'
import { usageError } from './failure.ts'
import { parseListenAddress } from './listen-address.ts'
import { formatBytes, parseAmount, parseSize } from './quantity.ts'

/** What an agent offers and where it will listen. */
export interface AgentSettings {
  readonly resources: Resources
  readonly objectStoreBytes: number
  readonly labels: Record<string, string>
  /** `--listen` as it was given. */
  readonly listenAt?: string
}

/** The options of every command that starts an agent. */
export const agentOptions: Readonly<Record<string, OptionSpec>> = {
  cpus: { value: 'N', help: 'CPUs to offer, fractions to 0.0001 (default: those that this process may use)' },
  gpus: { value: 'N', help: 'GPUs to offer, a whole number (default: 0)' },
  memory: {
    value: 'SIZE',
    help: 'memory to offer: 4GiB, 512MiB, 1.5GB, bytes\n(default: 70 % of what the machine or container may use)',
  },
  'object-store': { value: 'SIZE', help: 'memory for objects, part of --memory: 512MiB, … (default: 30 % of it)' },
  resource: {
    value: 'NAME=N',
    repeatable: true,
    help: 'a resource of your own: --resource slot=2 --resource scanner=1 (default: none)',
  },
  label: {
    value: 'KEY=VALUE',
    repeatable: true,
    help: 'a label that tasks can ask for: --label zone=eu (default: none)',
  },
  listen: {
    value: 'IP:PORT',
    help: 'where the mesh listens, UDP and TCP: 0.0.0.0:4001, [::1]:0; port 0 takes a free one\n(remembered: nothing listens before the agent has a mesh of several machines)',
  },
}

const cpusMax = 10_000
const objectStoreBytesMin = 2 ** 20
const memoryBytesMin = 16 * 2 ** 20
const namePattern = /^[A-Za-z][\w.:/-]{0,99}$/
const labelValuePattern = /^[^\p{Cc}]{0,200}$/u
const builtIn = new Set(['cpus', 'gpus', 'memory', 'memoryBytes', 'cpu', 'gpu'])

/** Reads and checks them. Throws a usage error that names the option, its value and what is allowed. */
export function readAgentSettings(args: Arguments): AgentSettings {
  const defaults = defaultResources()
  const cpus =
    amount(args, 'cpus', cpusMax, `a number from 0 to ${cpusMax}, with at most four decimals`) ?? defaults.cpus
  const gpus = amount(args, 'gpus', 1_000, 'a whole number from 0 to 1000', Number.isInteger) ?? 0
  const memoryBytes = size(args, 'memory', memoryBytesMin, Number.MAX_SAFE_INTEGER) ?? defaults.memoryBytes
  const objectStoreBytes =
    size(args, 'object-store', objectStoreBytesMin, usableMemoryBytes()) ??
    Math.max(objectStoreBytesMin, objectStoreShare(Math.min(memoryBytes, usableMemoryBytes())))
  const listenAt = args.value('listen')
  if (listenAt !== undefined && !parseListenAddress(listenAt)) {
    throw usageError(
      `--listen "${listenAt}": an IP address and a port from 0 to 65535, such as 0.0.0.0:4001, 127.0.0.1:0 or [::1]:0`,
    )
  }
  const labels = Object.fromEntries(args.values('label').map(readLabel))
  const resources = { cpus, gpus, memoryBytes, ...Object.fromEntries(args.values('resource').map(readResource)) }
  return { resources, objectStoreBytes, labels, ...(listenAt === undefined ? {} : { listenAt }) }
}

function amount(
  args: Arguments,
  option: string,
  max: number,
  allowed: string,
  fits = (_: number) => true,
): number | undefined {
  const text = args.value(option)
  if (text === undefined) return undefined
  const value = parseAmount(text)
  if (value === undefined || value > max || !fits(value)) throw usageError(`--${option} "${text}": ${allowed}`)
  return value
}

function size(args: Arguments, option: string, min: number, max: number): number | undefined {
  const text = args.value(option)
  if (text === undefined) return undefined
  const bytes = parseSize(text)
  if (bytes === undefined) throw usageError(`--${option} "${text}": a size such as 4GiB, 512MiB, 1.5GB or plain bytes`)
  if (bytes < min) throw usageError(`--${option} "${text}": at least ${formatBytes(min)}`)
  if (bytes > max)
    throw usageError(`--${option} "${text}": more than the ${formatBytes(max)} that this machine or container may use`)
  return bytes
}

function readResource(text: string): [name: string, amount: number] {
  const [name, value] = splitPair(text)
  const amount = value === undefined ? undefined : parseAmount(value)
  if (builtIn.has(name))
    throw usageError(`--resource "${text}": ${name} has an option of its own (--cpus, --gpus, --memory)`)
  if (amount === undefined || !namePattern.test(name)) {
    throw usageError(
      `--resource "${text}": NAME=N, a name of letters, digits and . _ : / - that starts with a letter, and a number from 0 on with at most four decimals`,
    )
  }
  return [name, amount]
}

function readLabel(text: string): [key: string, value: string] {
  const [key, value] = splitPair(text)
  if (value === undefined || !namePattern.test(key) || !labelValuePattern.test(value)) {
    throw usageError(
      `--label "${text}": KEY=VALUE, a key of letters, digits and . _ : / - that starts with a letter, and at most 200 characters`,
    )
  }
  return [key, value]
}

function splitPair(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
