import Foundation
import TopLevelErrors

/// An error that knows with which status the executable should end: 2 for bad usage and missing
/// files, where running again as it is cannot help; any other error ends with 1.
package protocol ExitStatusError: Error {
  var exitStatus: Int32 { get }
}

/// Ends an executable on an error: one sentence on the standard error stream, then the status.
package func endExecutable(on error: any Error) -> Never {
  let name = executableName()
  writeToStandardError("\(name): \(error)\n")
  exit((error as? any ExitStatusError)?.exitStatus ?? 1)
}

/// Receives what leaves the top-level code of a `main.swift` (see TopLevelErrors.c).
@c(literatePagesUncaughtError)
package func uncaughtError(_ error: UnsafeMutableRawPointer) {
  endExecutable(on: unsafeBitCast(error, to: (any Error).self))
}

/// The last component of the path by which this executable was started.
func executableName() -> String {
  let path = CommandLine.arguments.first ?? ""
  return path.split(separator: "/").last.map(String.init) ?? "executable"
}

/// Writes unbuffered, so that the order with what was printed before is kept.
func writeToStandardError(_ text: String) {
  fflush(nil)
  FileHandle.standardError.write(Data(text.utf8))
}
