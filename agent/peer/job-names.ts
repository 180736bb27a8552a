import { asCount, asList, asText, type HeaderValue } from '../../mesh/wire/index.ts'

/** A job, wherever its program is attached. */
export interface JobName {
  peer: string
  incarnation: number
  n: number
  jobId: string
  namespace: string
}

export function jobTo(job: JobName): HeaderValue {
  return [job.peer, job.incarnation, job.n, job.jobId, job.namespace]
}

export function jobFrom(value: HeaderValue | undefined): JobName {
  const [peer, incarnation, n, jobId, namespace] = asList(value, 'a job', 5)
  return {
    peer: asText(peer, 'peer', 64),
    incarnation: asCount(incarnation, 'incarnation'),
    n: asCount(n, 'n'),
    jobId: asText(jobId, 'job', 200),
    namespace: asText(namespace, 'namespace', 4096),
  }
}
