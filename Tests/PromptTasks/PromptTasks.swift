/// Runs `body` before the tests that wait for their turn, and gives its result.
///
/// A test that expects the end of a child process hands over to tasks of its own, which would queue
/// behind all tests that are ready to run. Until they have run, the child that has ended is left over,
/// and the thread of swift-testing that looks after children asks for it again and again: a tenth of
/// the processor time of all tests.
@discardableResult
package func promptly<Result: Sendable>(
  _ body: @escaping @Sendable () async -> Result
) async -> Result {
  await Task(priority: .high, operation: body).value
}
