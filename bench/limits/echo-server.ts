import { createServer } from 'node:net'
import { frameBytes } from './echo.ts'

// Frame by frame, as an agent that looks at each would: one write for all that came in one piece.
const server = createServer(socket => {
  let kept = Buffer.alloc(0)
  socket.on('data', chunk => {
    const bytes = kept.length ? Buffer.concat([kept, chunk]) : chunk
    const out = Buffer.alloc(bytes.length - (bytes.length % frameBytes))
    let at = 0
    for (; at + frameBytes <= bytes.length; at += frameBytes) {
      out.writeUInt32LE(bytes.readUInt32LE(at), at)
      bytes.copy(out, at + 4, at + 4, at + frameBytes)
    }
    kept = bytes.subarray(at)
    if (out.length) socket.write(out)
  })
  socket.on('close', () => server.close())
})
server.listen(process.argv[2], () => process.stdout.write('ready\n'))
