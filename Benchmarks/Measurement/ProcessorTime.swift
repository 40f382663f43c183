#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Seconds of processor time that this thread has used.
///
/// Everything measured here runs on one thread and waits for nothing, so on a quiet machine this
/// is the time on the clock; on a busy one, the time in which others had the processor is left out.
package func processorTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Seconds of processor time that `body` takes.
package func processorTime(of body: () throws -> Void) rethrows -> Double {
  let start = processorTime()
  try body()
  return processorTime() - start
}

/// Seconds of processor time that all threads of this process have used together.
package func processorTimeOfAllThreads() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Seconds of these that the operating system has used on behalf of this process, for fresh pages of
/// memory say.
package func systemTimeOfAllThreads() -> Double {
  var usage = rusage()
  #if canImport(Glibc)
    // An enumeration there, and a number for the function.
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  #else
    getrusage(RUSAGE_SELF, &usage)
  #endif
  return Double(usage.ru_stime.tv_sec) + 1e-6 * Double(usage.ru_stime.tv_usec)
}

/// Bytes of memory that this process has occupied at most so far, where the system tells: Linux.
///
/// Not from `getrusage`, which begins with what the parent occupied when it started this process.
package func peakMemory() -> Int? {
  guard let file = fopen("/proc/self/status", "r") else { return nil }
  defer { fclose(file) }
  var buffer = [CChar](repeating: 0, count: 256)
  while fgets(&buffer, Int32(buffer.count), file) != nil {
    let characters = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let line = String(decoding: characters, as: UTF8.self)
    if line.hasPrefix("VmHWM:") {
      return Int(line.filter { $0.isASCII && $0.isNumber }).map { 1024 * $0 }
    }
  }
  return nil
}
