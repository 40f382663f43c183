/// Ends the program with a sentence, in debug and in release builds alike.
///
/// This is the one place that stops the program, for mistakes *in the program*: an index out of
/// range, two shapes that cannot be added. (`precondition` loses its words in release builds.)
/// What the user's *data* can get wrong is thrown instead.
///
/// Cost: none until it is called.
@inline(never)
package func stop(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
  fatalError(message, file: file, line: line)
}
