/// A division of a worker's memory into parts, one after another, followed by scratch memory.
///
/// The same value returns the bytes that a plan counts and lends the spans that the work uses, so that neither
/// can change without the other. A type that needs memory has one function that returns its layout for a number
/// of elements: a plan asks for the largest number, the work for the number at hand.
package struct WorkspaceLayout: Sendable, Equatable {
  private let parts: [Int]
  private let alignment: Int
  /// The total number of bytes of all parts and of the scratch memory.
  package let byteCount: Int

  /// - Parameters:
  ///   - parts: The number of bytes of each part, in order.
  ///   - scratch: The minimum number of bytes of scratch memory.
  ///   - alignment: Every part, and the scratch memory, starts at a multiple of this number. A workspace starts
  ///     at a multiple of 64.
  package init(_ parts: Int..., scratch: Int = 0, alignment: Int = 1) {
    precondition(alignment > 0 && scratch >= 0 && parts.allSatisfy { $0 >= 0 })
    self.parts = parts
    self.alignment = alignment
    byteCount = parts.reduce(scratch) { $0 + Self.aligned($1, to: alignment) }
  }

  private static func aligned(_ byteCount: Int, to alignment: Int) -> Int {
    (byteCount + alignment - 1) / alignment * alignment
  }

  /// Returns the bytes of a part, for reading a workspace after the work.
  ///
  /// - Parameter index: The index of the part; the number of parts for the scratch memory.
  package func range(ofPart index: Int) -> Range<Int> {
    let start = parts[..<index].reduce(0) { $0 + Self.aligned($1, to: alignment) }
    return start..<(index < parts.count ? start + parts[index] : byteCount)
  }

  // MARK: Spans

  /// Lends one part, and the rest of `workspace` as scratch memory.
  ///
  /// In this function and the next ones, the layout must have one part for each span of `body` except the last.
  /// Traps if the workspace is shorter than the layout.
  @_lifetime(workspace: copy workspace)
  package func withSpans<Result, Failure: Error>(
    of workspace: inout MutableRawSpan,
    _ body: (inout MutableRawSpan, inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    check(workspace, partCount: 1)
    return try lend(0, of: &workspace, body)
  }

  /// Lends two parts and scratch memory.
  @_lifetime(workspace: copy workspace)
  package func withSpans<Result, Failure: Error>(
    of workspace: inout MutableRawSpan,
    _ body: (
      inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan
    ) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    check(workspace, partCount: 2)
    return try lend(0, of: &workspace) { (first, rest) throws(Failure) -> Result in
      try lend(1, of: &rest) { (second, rest) throws(Failure) -> Result in
        try body(&first, &second, &rest)
      }
    }
  }

  /// Lends three parts and scratch memory.
  @_lifetime(workspace: copy workspace)
  package func withSpans<Result, Failure: Error>(
    of workspace: inout MutableRawSpan,
    _ body: (
      inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan
    ) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    check(workspace, partCount: 3)
    return try lend(0, of: &workspace) { (first, rest) throws(Failure) -> Result in
      try lend(1, of: &rest) { (second, rest) throws(Failure) -> Result in
        try lend(2, of: &rest) { (third, rest) throws(Failure) -> Result in
          try body(&first, &second, &third, &rest)
        }
      }
    }
  }

  /// Lends four parts and scratch memory.
  @_lifetime(workspace: copy workspace)
  package func withSpans<Result, Failure: Error>(
    of workspace: inout MutableRawSpan,
    _ body: (
      inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan,
      inout MutableRawSpan
    ) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    check(workspace, partCount: 4)
    return try lend(0, of: &workspace) { (first, rest) throws(Failure) -> Result in
      try lend(1, of: &rest) { (second, rest) throws(Failure) -> Result in
        try lend(2, of: &rest) { (third, rest) throws(Failure) -> Result in
          try lend(3, of: &rest) { (fourth, rest) throws(Failure) -> Result in
            try body(&first, &second, &third, &fourth, &rest)
          }
        }
      }
    }
  }

  private func check(_ workspace: borrowing MutableRawSpan, partCount: Int) {
    precondition(parts.count == partCount, "a layout lends as many spans as it has parts")
    precondition(workspace.byteCount >= byteCount, "a workspace is as long as its layout")
  }

  /// Lends a part without its padding, and the memory after it.
  @_lifetime(workspace: copy workspace)
  private func lend<Result, Failure: Error>(
    _ index: Int, of workspace: inout MutableRawSpan,
    _ body: (inout MutableRawSpan, inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let byteCount = parts[index]
    return try workspace.split(at: Self.aligned(byteCount, to: alignment)) {
      (padded, rest) throws(Failure) -> Result in
      var part = padded._mutatingExtracting(0..<byteCount)
      return try body(&part, &rest)
    }
  }
}
