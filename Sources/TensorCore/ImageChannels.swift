import CKernels

/// The places of the channels of images `[images, channels, …]`.
package struct ImageChannels: Sendable {
  package let images: Int
  package let channels: Int
  /// The number of values of a channel in an image.
  package let size: Int

  /// - Parameter shape: At least two dimensions.
  package init(_ shape: [Int]) {
    precondition(shape.count >= 2 && shape.allSatisfy { $0 >= 0 })
    (images, channels) = (shape[0], shape[1])
    size = shape.dropFirst(2).reduce(1, *)
  }

  /// The number of values of a channel in all images.
  package var count: Int { images * size }

  fileprivate var forKernels: sumac_channel {
    sumac_channel(images: images, pitch: channels * size, size: size)
  }
}

/// Kernels for the batch normalization of a channel. Values are F32, or F64 if `isDouble`; numbers are rounded to that
/// type. Spans contain all channels of all images.
extension Kernels {
  /// The address of a channel in checked values.
  private func start(
    _ bytes: UnsafeRawBufferPointer, _ channel: Int, _ layout: ImageChannels, _ isDouble: Bool
  ) -> UnsafeRawPointer? {
    let size = isDouble ? 8 : 4
    precondition((0..<layout.channels).contains(channel))
    precondition(bytes.count >= size * layout.channels * layout.count)
    // SAFETY: the address of the first value of a channel, whose values of all images are inside.
    return unsafe bytes.baseAddress.map { unsafe $0 + size * channel * layout.size }
  }

  /// Returns the mean and the biased variance of a channel.
  package func moments(
    of channel: Int, _ layout: ImageChannels, _ values: borrowing RawSpan, isDouble: Bool
  ) -> (mean: Double, variance: Double) {
    var channels = layout.forKernels
    // SAFETY of this and the following: `start` checks what the loops read and write.
    return unsafe values.withUnsafeBytes { values in
      let x = unsafe start(values, channel, layout, isDouble)
      return unsafe Self.pair(isDouble) { pair in
        let function =
          unsafe isDouble ? table.pointee.channel_moments_f64 : table.pointee.channel_moments_f32
        unsafe function(&channels, x, pair)
      }
    }
  }

  /// Returns two numbers that `body` writes.
  private static func pair(
    _ isDouble: Bool, _ body: (UnsafeMutableRawPointer) -> Void
  ) -> (Double, Double) {
    if isDouble {
      var result = (0.0, 0.0)
      // SAFETY of both: `body` writes two numbers of this type.
      unsafe withUnsafeMutableBytes(of: &result) { unsafe body($0.baseAddress!) }
      return result
    }
    var result: (Float, Float) = (0, 0)
    unsafe withUnsafeMutableBytes(of: &result) { unsafe body($0.baseAddress!) }
    return (Double(result.0), Double(result.1))
  }

  /// Computes (x − mean) · factor · scale + shift for a channel, plus `added` if there is one.
  /// - Parameter rectifies: True to replace results below 0 by 0.
  @_lifetime(results: copy results)
  package func normalize(
    _ channel: Int, _ layout: ImageChannels, _ values: borrowing RawSpan,
    _ normalization: Normalization, added: RawSpan? = nil, rectifies: Bool = false,
    into results: inout MutableRawSpan, isDouble: Bool
  ) {
    var (channels, numbers) = (layout.forKernels, normalization.forKernels)
    unsafe results.withUnsafeMutableBytes { results in
      unsafe values.withUnsafeBytes { values in
        let x = unsafe start(values, channel, layout, isDouble)
        let y = unsafe start(UnsafeRawBufferPointer(results), channel, layout, isDouble)
        let function =
          unsafe isDouble
          ? table.pointee.normalize_channel_f64 : table.pointee.normalize_channel_f32
        unsafe withBytes(added) { added in
          let a = unsafe added.flatMap { unsafe start($0, channel, layout, isDouble) }
          unsafe function(
            &channels, x, &numbers, a, rectifies ? 1 : 0, UnsafeMutableRawPointer(mutating: y))
        }
      }
    }
  }

  /// Lends the bytes of a span; nil for nil.
  private func withBytes<R>(
    _ span: RawSpan?, _ body: (UnsafeRawBufferPointer?) -> R
  ) -> R {
    if let span { return unsafe span.withUnsafeBytes { unsafe body($0) } }
    return body(nil)
  }

  /// Returns Σ g and Σ g · (x − mean) · factor over a channel.
  /// - Parameter outputs: Slopes g count as 0 where these are at most 0.
  package func normalSums(
    of channel: Int, _ layout: ImageChannels, _ values: borrowing RawSpan,
    slopes: borrowing RawSpan, outputs: RawSpan? = nil, _ normalization: Normalization,
    isDouble: Bool
  ) -> (sum: Double, product: Double) {
    var (channels, numbers) = (layout.forKernels, normalization.forKernels)
    return unsafe values.withUnsafeBytes { values in
      unsafe slopes.withUnsafeBytes { slopes in
        let x = unsafe start(values, channel, layout, isDouble)
        let g = unsafe start(slopes, channel, layout, isDouble)
        return unsafe withBytes(outputs) { outputs in
          let y = unsafe outputs.flatMap { unsafe start($0, channel, layout, isDouble) }
          return unsafe Self.pair(isDouble) { pair in
            let function =
              unsafe isDouble ? table.pointee.normal_sums_f64 : table.pointee.normal_sums_f32
            unsafe function(&channels, x, g, y, &numbers, pair)
          }
        }
      }
    }
  }

  /// Sets or adds (g − offset − (x − mean) · share) · factor · scale for each value of a channel.
  /// - Parameter outputs: Slopes g count as 0 where these are at most 0.
  @_lifetime(sums: copy sums)
  package func normalSlopes(
    of channel: Int, _ layout: ImageChannels, _ values: borrowing RawSpan,
    slopes: borrowing RawSpan, outputs: RawSpan? = nil, _ normalization: Normalization,
    into sums: inout MutableRawSpan, isAdding: Bool, isDouble: Bool
  ) {
    var (channels, numbers) = (layout.forKernels, normalization.forKernels)
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe values.withUnsafeBytes { values in
        unsafe slopes.withUnsafeBytes { slopes in
          let x = unsafe start(values, channel, layout, isDouble)
          let g = unsafe start(slopes, channel, layout, isDouble)
          let target = unsafe start(UnsafeRawBufferPointer(sums), channel, layout, isDouble)
          let function =
            unsafe isDouble ? table.pointee.normal_slopes_f64 : table.pointee.normal_slopes_f32
          unsafe withBytes(outputs) { outputs in
            let y = unsafe outputs.flatMap { unsafe start($0, channel, layout, isDouble) }
            unsafe function(
              &channels, x, g, y, &numbers, UnsafeMutableRawPointer(mutating: target),
              isAdding ? 1 : 0)
          }
        }
      }
    }
  }

  /// Sets or adds the slopes of a channel, 0 where `outputs` are at most 0.
  @_lifetime(sums: copy sums)
  package func rectifiedSlopes(
    of channel: Int, _ layout: ImageChannels, _ slopes: borrowing RawSpan,
    outputs: borrowing RawSpan, into sums: inout MutableRawSpan, isAdding: Bool, isDouble: Bool
  ) {
    var channels = layout.forKernels
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe slopes.withUnsafeBytes { slopes in
        unsafe outputs.withUnsafeBytes { outputs in
          let g = unsafe start(slopes, channel, layout, isDouble)
          let y = unsafe start(outputs, channel, layout, isDouble)
          let target = unsafe start(UnsafeRawBufferPointer(sums), channel, layout, isDouble)
          let function =
            unsafe isDouble
            ? table.pointee.rectified_slopes_f64 : table.pointee.rectified_slopes_f32
          unsafe function(
            &channels, g, y, UnsafeMutableRawPointer(mutating: target), isAdding ? 1 : 0)
        }
      }
    }
  }
}

/// The numbers of a normalization of a channel and of its derivative.
package struct Normalization: Sendable {
  package var mean: Double
  package var factor: Double
  package var scale: Double
  package var shift: Double
  package var offset: Double
  package var share: Double

  package init(
    mean: Double, factor: Double, scale: Double = 1, shift: Double = 0, offset: Double = 0,
    share: Double = 0
  ) {
    (self.mean, self.factor, self.scale, self.shift) = (mean, factor, scale, shift)
    (self.offset, self.share) = (offset, share)
  }

  fileprivate var forKernels: sumac_normalization {
    sumac_normalization(
      mean: mean, factor: factor, scale: scale, shift: shift, offset: offset, share: share)
  }
}
