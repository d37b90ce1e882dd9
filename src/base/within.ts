/**
 * The result of `work`, or undefined when it takes longer than `ms` milliseconds; a later result is
 * dropped. Keeps the process alive until then. Rejects as `work` does.
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
