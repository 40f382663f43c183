import Foundation

/// Where SwiftPM puts the executables of the package: next to the tests.
package var productFolder: String {
  // On macOS the tests are a bundle, loaded by a program from elsewhere.
  let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
  let path = bundle?.bundlePath ?? CommandLine.arguments[0]
  return URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent().path
}
