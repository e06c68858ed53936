import Base
import Testing

@Suite struct WorkspaceLayoutTests {
  @Test("the size of a layout is that of its parts and the scratch memory")
  func size() {
    #expect(WorkspaceLayout(3, 5, scratch: 7).byteCount == 15)
    #expect(WorkspaceLayout(3, 0, 5, scratch: 7, alignment: 64).byteCount == 64 + 0 + 64 + 7)
    #expect(WorkspaceLayout(scratch: 9).byteCount == 9)
  }

  @Test(
    "spans have the sizes of the parts, do not overlap, and leave the rest", arguments: [1, 64])
  func spans(alignment: Int) {
    let layout = WorkspaceLayout(3, 0, 5, 70, scratch: 2, alignment: alignment)
    var buffer = ByteBuffer(byteCount: layout.byteCount + 10)
    var workspace = buffer.mutableBytes
    workspace.fill()
    let sizes = layout.withSpans(of: &workspace) { a, b, c, d, rest in
      a.fill(with: 1)
      b.fill(with: 2)
      c.fill(with: 3)
      d.fill(with: 4)
      rest.fill(with: 5)
      return [a.byteCount, b.byteCount, c.byteCount, d.byteCount, rest.byteCount]
    }
    #expect(sizes == [3, 0, 5, 70, 12])
    let bytes = buffer.bytes.array()
    let parts = (0..<4).map { bytes[layout.range(ofPart: $0)] }
    #expect(parts.map(\.count) == [3, 0, 5, 70] && layout.range(ofPart: 4).count == 2)
    #expect(parts.enumerated().allSatisfy { index, part in part.allSatisfy { $0 == index + 1 } })
    #expect([1, 2, 3, 4, 5].map { value in bytes.count { $0 == value } } == sizes)
    // Each part starts at a multiple of the alignment.
    #expect([1, 3, 4, 5].allSatisfy { bytes.firstIndex(of: $0)! % alignment == 0 })
  }

  @Test("a part of a layout can be divided by another layout")
  func nested() {
    let inner = WorkspaceLayout(4, scratch: 8)
    let outer = WorkspaceLayout(16, scratch: inner.byteCount)
    var buffer = ByteBuffer(byteCount: outer.byteCount)
    var workspace = buffer.mutableBytes
    let sizes = outer.withSpans(of: &workspace) { first, rest in
      inner.withSpans(of: &rest) { second, scratch in
        [first.byteCount, second.byteCount, scratch.byteCount]
      }
    }
    #expect(sizes == [16, 4, 8])
  }

  private struct Failure: Error {}

  @Test("an error leaves the closure as it was thrown")
  func failure() {
    var buffer = ByteBuffer(byteCount: 8)
    var workspace = buffer.mutableBytes
    #expect(throws: Failure.self) {
      try WorkspaceLayout(4, 4).withSpans(of: &workspace) { _, _, _ in throw Failure() }
    }
  }
}
