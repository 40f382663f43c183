import Testing

@testable import LiteratePages

@Suite struct APIOverviewTests {
  static let source = """
    import Kernels

    /// Solves a thing. It takes long.
    ///
    /// And more.
    @frozen
    public struct Solver: Sendable {
      /// Not listed: inside.
      public var limit: Int
    }

    /// `|x|` over two
    /// lines, without a stop
    public func magnitude(_ x: Double) -> Double { x }

    extension Solver {}
    struct Hidden {}
    public func magnitude(_ x: Int) -> Int { x }
    """

  @Test func listsTopLevelDeclarationsOnceWithTheirFirstSentence() {
    let entries = APIOverview.entries(in: Self.source, file: "Sources/M/S.swift")
    #expect(
      entries == [
        APIOverview.Entry(
          name: "Solver", summary: "Solves a thing.", file: "Sources/M/S.swift", line: 7),
        APIOverview.Entry(
          name: "magnitude", summary: "`\\|x\\|` over two lines, without a stop",
          file: "Sources/M/S.swift", line: 14),
      ])
  }

  @Test func aFileMayBeConditionalAsAWhole() {
    let source = """
      #if canImport(Something)
        import Kernels

        /// Solves a thing.
        @frozen
        public struct Solver: Sendable {
          /// Not listed: inside.
          public struct Part {}
        }
      #endif
      """
    #expect(
      APIOverview.entries(in: source, file: "Sources/M/S.swift") == [
        APIOverview.Entry(
          name: "Solver", summary: "Solves a thing.", file: "Sources/M/S.swift", line: 6)
      ])
  }

  @Test func aModuleWithoutDeclarationsIsLeftOut() {
    let overview = APIOverview(modules: [("Nowhere", "Nothing.")], root: "/nonexistent")
    #expect(!overview.markdown().contains("Nowhere"))
  }
}
