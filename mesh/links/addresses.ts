/** `host:port` or `[ipv6]:port` in its parts. Throws an Error that says what is wrong for people. */
export function splitAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address)
  const port = match ? Number(match[3]) : -1
  if (!match || port > 65_535) throw new Error(`'${address}' is no address: ip:port, or [ipv6]:port`)
  return { host: match[1] ?? match[2], port }
}

/** Whether an address can be reached from this machine alone. */
export function isLoopback(address: string): boolean {
  const { host } = splitAddress(address)
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
