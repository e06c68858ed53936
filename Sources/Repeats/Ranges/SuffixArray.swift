import CRepeats

/// The starts of repeated runs in a text, from its suffix array.
package enum SuffixArray {
  /// The memory for each symbol of a text, in bytes.
  static let byteCountPerSymbol = 24

  /// Returns a mark for each place of `text`: 0 if no other place has the same `length` symbols, 1 if this is the first
  /// of several, 3 if it is a later one.
  ///
  /// The suffix array is built by induced sorting (SA-IS).
  /// - Parameters:
  ///   - text: Numbers from 1 to `alphabet - 1`, and a 0 at the end.
  /// - Complexity: O(*n*) time and space.
  package static func repeats(
    in text: [Int32], alphabet: Int, length: Int
  ) -> [UInt8] {
    precondition(text.last == 0 && text.count < Int(Int32.max) && length > 0)
    let count = text.count
    var array = [Int32](repeating: 0, count: count)
    var marks = [UInt8](repeating: 0, count: count)
    // SAFETY: all arrays have one length, and the loops stay below it because the last symbol is unique.
    unsafe text.withUnsafeBufferPointer { text in
      unsafe array.withUnsafeMutableBufferPointer { array in
        let result = unsafe sumac_suffix_array(
          text.baseAddress!, Int32(count), Int32(alphabet), array.baseAddress!)
        precondition(result == 0, "the memory for the suffix array was planned")
        var prefixes = [Int32](repeating: 0, count: count)
        unsafe prefixes.withUnsafeMutableBufferPointer { prefixes in
          unsafe marks.withUnsafeMutableBufferPointer { marks in
            unsafe sumac_mark_repeats(
              text.baseAddress!, Int32(count), array.baseAddress!, Int32(length),
              prefixes.baseAddress!, marks.baseAddress!)
          }
        }
      }
    }
    return marks
  }
}
