import Base
import Networks
import TensorCore

/// The hidden states of all windows between two blocks: in memory while the budget holds, in a file otherwise.
///
/// Shape `[tokens, width]`, float32.
final class HiddenStates {
  private enum Place {
    case memory(Value<Float>)
    case file(TemporaryFile)
  }

  let tokenCount: Int
  let width: Int
  private let place: Place

  /// - Parameter folder: The folder of a file without a name that holds the states; nil to keep them in memory.
  init(tokenCount: Int, width: Int, folder: String?, in arena: Arena) throws {
    (self.tokenCount, self.width) = (tokenCount, width)
    place =
      if let folder { .file(try TemporaryFile(in: folder)) } else {
        .memory(Value([tokenCount, width], in: arena))
      }
  }

  /// Returns the states of some tokens.
  func states(_ tokens: Range<Int>, in arena: Arena) throws -> Value<Float> {
    let result = Value<Float>([tokens.count, width], in: arena)
    var target = result.mutableSpan
    // SAFETY: every bit pattern is a float32 number.
    var bytes = unsafe target.mutableBytes
    switch place {
    case .memory(let value):
      let source = value.span
      // SAFETY: float32 numbers have no padding.
      let all = unsafe source.bytes
      bytes.copy(all.extracting(byteRange(tokens)))
    case .file(let file): try file.read(at: byteRange(tokens).lowerBound, into: &bytes)
    }
    return result
  }

  /// Stores the states of some tokens.
  func store(_ states: Value<Float>, _ tokens: Range<Int>) throws {
    let source = states.span
    // SAFETY: float32 numbers have no padding, and every bit pattern is one.
    let bytes = unsafe source.bytes
    switch place {
    case .memory(let value):
      var target = value.mutableSpan
      var all = unsafe target.mutableBytes
      all.copy(bytes, at: byteRange(tokens).lowerBound)
    case .file(let file): try file.write(bytes, at: byteRange(tokens).lowerBound)
    }
  }

  private func byteRange(_ tokens: Range<Int>) -> Range<Int> {
    4 * width * tokens.lowerBound..<4 * width * tokens.upperBound
  }
}
