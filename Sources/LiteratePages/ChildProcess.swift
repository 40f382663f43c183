import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs an executable, with this process's input and output, and waits for its end.
///
/// With `output` and `errors` its two output streams go to these files instead.
///
/// Foundation's `Process` waits through a socket on the loopback interface, and for ever where there
/// is none (in a network namespace of its own, say). The workbook is to run without a network.
///
/// - Returns: the exit status, or `nil` with the signal that ended it; `nil` altogether when it
///   could not be started.
package func runChild(
  _ path: String, _ arguments: [String], output: String? = nil, errors: String? = nil
) -> (status: Int32?, signal: Int32)? {
  if let output, let errors {
    // The shell redirects, and becomes the executable.
    let script = #"output=$1 errors=$2; shift 2; exec "$@" >"$output" 2>"$errors""#
    return runChild("/bin/sh", ["-c", script, "sh", output, errors, path] + arguments)
  }
  var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
  words.append(nil)
  defer { for word in words { free(word) } }
  var child = pid_t()
  // A script just written is “busy” while another thread's child still holds the descriptor.
  var code = posix_spawn(&child, path, nil, nil, words, environ)
  for _ in 0..<200 where code == ETXTBSY {
    usleep(10_000)
    code = posix_spawn(&child, path, nil, nil, words, environ)
  }
  guard code == 0 else { return nil }
  var state: Int32 = 0
  while waitpid(child, &state, 0) == -1 {
    // A signal to this process interrupts waiting; anything else means that the child is gone.
    if errno != EINTR { return nil }
  }
  let signal = state & 0x7f
  return signal == 0 ? ((state >> 8) & 0xff, 0) : (nil, signal)
}
