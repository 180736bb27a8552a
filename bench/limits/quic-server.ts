// The other side of `quic.ts`: echoes what comes on its first stream, counts what comes on the others.
import { Batcher, binding, config, type Stream } from './quic-binding.ts'

const server = new binding.Server(config(), '127.0.0.1', 0)
process.stdout.write(`${server.port()}\n`)
const connection = await server.inboundConnection()

async function echo(stream: Stream): Promise<void> {
  const out = new Batcher(stream)
  for (let chunk = await stream.read(65_536); chunk; chunk = await stream.read(65_536)) out.send(chunk)
}

async function take(stream: Stream): Promise<void> {
  let bytes = 0
  for (let chunk = await stream.read(65_536); chunk; chunk = await stream.read(65_536)) bytes += chunk.length
  await stream.write(Buffer.from(String(bytes)))
  await stream.finishWrite()
}

void echo(await connection.inboundStream())
for (;;) void take(await connection.inboundStream())
