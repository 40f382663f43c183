#if canImport(Glibc)
  import Glibc
  import PromptTasks
  import Testing

  @testable import ImplicitDifferentiation

  /// Derivatives leave nothing behind.
  @Suite struct MemoryTests {
    /// Bytes in use, by the statistics of the C library: those it has taken from the system, in all
    /// arenas and in mappings, less those it holds free. Swift does not import `malloc_info`, which
    /// writes them as XML, so it is looked up by name.
    private static func bytesInUse() -> Int? {
      typealias Report = @convention(c) (Int32, UnsafeMutablePointer<FILE>) -> Int32
      guard let symbol = dlsym(nil, "malloc_info") else { return nil }
      var text: UnsafeMutablePointer<CChar>?
      var count = 0
      guard let file = open_memstream(&text, &count) else { return nil }
      let status = unsafeBitCast(symbol, to: Report.self)(0, file)
      fclose(file)
      defer { free(text) }
      guard status == 0, let text else { return nil }
      // The sums over all arenas stand after the last of them.
      let totals = String(cString: text).split(separator: "</heap>").last ?? ""
      func size(_ kind: String) -> Int? {
        guard let line = totals.split(separator: "\n").first(where: { $0.contains(kind) }),
          let number = line.split(separator: "size=\"").last?.prefix(while: { $0 != "\"" })
        else { return nil }
        return Int(number)
      }
      guard let fast = size("total type=\"fast\""), let rest = size("total type=\"rest\""),
        let mapped = size("total type=\"mmap\""), let system = size("system type=\"current\"")
      else { return nil }
      return system + mapped - fast - rest
    }

    /// Bytes more in use than before, if the statistics count: under a sanitizer, which brings its
    /// own allocation, they do not.
    private static func growth(of body: () throws -> Void) throws -> Int? {
      guard let start = bytesInUse() else { return nil }
      let block = [Double](repeating: 1, count: 100_000)
      guard let more = bytesInUse(), more - start >= 8 * block.count else { return nil }
      let before = more
      try body()
      return bytesInUse().map { $0 - before + 0 * block.count }
    }

    /// A derivative of every kind at a point that differs from round to round.
    private static func derivatives(_ functions: Functions, round: Int) throws {
      let x = Tensor([0.4, -1.1, 0.6]) + Tensor(Double(round % 7) / 100)
      let plain = try functions.plain.linearize(at: x)
      _ = try plain.pushforward([1, -2, 0.5])
      _ = try functions.shared.pushforward(x)
      _ = try functions.shared.pullback(Tensor([1, Double(round % 5) - 2]))
      _ = try functions.iterative.pullback(at: x, [1, 1])
      _ = try functions.memoized.pullback(at: x, [1, 1])
      if round % 10 == 0 {
        _ = try gradient(at: x) { x in
          try gradient(at: x) { try functions.plain($0).squaredNorm() }.squaredNorm()
        }
        _ = try gradient(at: x.at(2)) { x in try Root(x: x)().sum() }
        // What is thrown leaves nothing either.
        _ = try? plain.pushforward([1])
        _ = try? functions.plain.linearize(at: x, solution: [9, 9])
      }
    }

    /// `eˣ` as a problem that is its own input.
    private struct Root: TensorStructure, ImplicitProblem {
      var x: Tensor
      static var fields: [TensorField<Root>] { [.init("x", \.x)] }
      func optimality(_ p: Root, _ y: Tensor) -> Tensor { log(y) - p.x }
      func solve(_ p: Root) -> Tensor { exp(p.x) }
    }

    private struct Functions {
      let plain = ImplicitFunction<Tensor, Tensor>(
        forward: { x in exp(matmul(Cubic.N, x)) },
        conditions: .root { x, y in log(y) - matmul(Cubic.N, x) })
      let memoized: ImplicitFunction<Tensor, Tensor>
      let iterative: ImplicitFunction<Tensor, Tensor>
      let shared: ImplicitLinearization<Tensor, Tensor>

      init() throws {
        memoized = plain.memoized()
        var iterative = plain
        iterative.linearSolver = GMRES()
        self.iterative = iterative
        shared = try plain.linearize(at: Cubic.x)
      }
    }

    @Test("Memory in use stays the same over thousands of rounds of derivatives")
    func flat() async {
      // In a process of its own: other tests ask for memory too.
      await promptly {
        await #expect(processExitsWith: .success) {
          let functions = try Functions()
          for round in 0..<4000 { try MemoryTests.derivatives(functions, round: round) }
          // The allocator keeps some more until it has found its shape, after a number of rounds that
          // changes with the sizes asked for. What a derivative leaves behind grows for ever: it shows
          // in each three thousand. The smallest block that could be kept makes 96,000 bytes of them.
          var growths: [Int] = []
          for _ in 0..<5 {
            let growth = try MemoryTests.growth {
              for round in 0..<3000 { try MemoryTests.derivatives(functions, round: round) }
            }
            guard let growth, abs(growth) > 16_384 else { return }
            growths.append(growth)
          }
          Issue.record("\(growths) bytes more in five times three thousand rounds")
        }
      }
    }
  }
#endif
