/**
 * What `work` gives, or undefined when it takes longer than `ms` milliseconds: then nobody waits
 * for it any more. Keeps the process alive until then. Rejects as `work` does.
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
