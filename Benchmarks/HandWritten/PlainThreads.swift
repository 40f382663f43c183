#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What the machine itself gains by several threads at this moment: arithmetic that touches no memory,
/// on threads of the C library, against the same one after the other. Nothing parallel can gain more
/// while it does not.
package enum PlainThreads {
  /// Seconds on the clock for `count` pieces of work in a loop and on a thread each.
  package static func seconds(count: Int) -> (serial: Double, parallel: Double) {
    let serial = clockTime { for _ in 0..<count { work() } }
    let parallel = clockTime {
      #if canImport(Darwin)
        var threads = [pthread_t?](repeating: nil, count: count)
      #else
        var threads = [pthread_t](repeating: pthread_t(), count: count)
      #endif
      var started = 0
      while started < count {
        let status = pthread_create(&threads[started], nil, { _ in PlainThreads.thread() }, nil)
        if status != 0 { break }
        started += 1
      }
      for thread in threads.prefix(started) {
        #if canImport(Darwin)
          if let thread { pthread_join(thread, nil) }
        #else
          pthread_join(thread, nil)
        #endif
      }
      // What could not have a thread is done here.
      for _ in started..<count { work() }
    }
    return (serial, parallel)
  }

  private static func thread() -> UnsafeMutableRawPointer? {
    work()
    return nil
  }

  /// Some ten milliseconds.
  @inline(never)
  private static func work() {
    var x = 0.3
    for _ in 0..<5_000_000 { x = 3.9 * x * (1 - x) }
    // Never true, which the compiler does not know.
    if x > 2 { print(x) }
  }
}

/// Seconds on the clock that `body` takes.
private func clockTime(of body: () throws -> Void) rethrows -> Double {
  let (whole, parts) = try ContinuousClock().measure(body).components
  return Double(whole) + 1e-18 * Double(parts)
}
