import { isMainThread, type Worker } from 'node:worker_threads'

/** How long a worker is given to say that it has heard. */
const ANSWER_MS = 1000

/**
 * Stops the code that holds a worker thread, and nothing else of it (`Runtime.terminateExecution` of V8's inspector): the frames
 * of that code are gone, timers, promises and modules stay. The worker is told by a message, and goes on. Only where this is the
 * main thread: others have no inspector of their workers. `isStill`: whether it is still what is to be stopped, asked at the last
 * moment. False: that could not be done.
 */
export async function interruptWorker(worker: Worker, isStill: () => boolean): Promise<boolean> {
  if (!isMainThread) return false
  const { Session } = await import('node:inspector')
  const session = new Session()
  session.connect()
  const post = session.post.bind(session) as (
    method: string,
    params: object,
    done: (error: Error | null) => void,
  ) => void
  try {
    const sessionId = await new Promise<string | undefined>(resolve => {
      const late = setTimeout(() => resolve(undefined), ANSWER_MS)
      session.on('NodeWorker.attachedToWorker' as 'inspectorNotification', message => {
        const { sessionId: id, workerInfo } = (message as { params: unknown }).params as {
          sessionId: string
          workerInfo: { workerId: string }
        }
        if (workerInfo.workerId !== String(worker.threadId)) return
        clearTimeout(late)
        resolve(id)
      })
      post('NodeWorker.enable', { waitForDebuggerOnStart: false }, error => {
        if (error) resolve(undefined)
      })
    })
    if (sessionId === undefined) return false
    if (!isStill()) return true
    const heard = await new Promise<boolean>(resolve => {
      const late = setTimeout(() => resolve(false), ANSWER_MS)
      session.on('NodeWorker.receivedMessageFromWorker' as 'inspectorNotification', message => {
        const { params } = message as unknown as { params: { sessionId: string } }
        if (params.sessionId !== sessionId) return
        clearTimeout(late)
        resolve(true)
      })
      const message = JSON.stringify({ id: 1, method: 'Runtime.terminateExecution' })
      post('NodeWorker.sendMessageToWorker', { sessionId, message }, error => {
        if (error) resolve(false)
      })
    })
    if (heard) worker.postMessage('interrupted')
    return heard
  } finally {
    post('NodeWorker.disable', {}, () => undefined)
    session.disconnect()
  }
}
