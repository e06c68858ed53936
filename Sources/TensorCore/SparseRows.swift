/// The entries of a sparse matrix whose columns are vectors that start at any place of one memory.
///
/// Entry e of row r, with e from `starts[r]` to below `starts[r + 1]`, belongs to the vector that starts at `offsets[e]`.
package struct SparseRows: Sendable {
  package let starts: [UInt32]
  package let offsets: [UInt32]
  /// The largest offset; 0 without entries.
  package let reach: Int

  /// - Parameter starts: One more than there are rows, in ascending order from 0 to the number of offsets.
  package init(starts: [UInt32], offsets: [UInt32]) {
    precondition(starts.first == 0 && Int(starts[starts.count - 1]) == offsets.count)
    precondition(zip(starts, starts.dropFirst()).allSatisfy { $0 <= $1 })
    self.starts = starts
    self.offsets = offsets
    reach = Int(offsets.max() ?? 0)
  }

  package var rowCount: Int { starts.count - 1 }
}

/// The layout of images in planes with zeros around them; see `sumac_planes`.
package struct PlaneLayout: Sendable, Hashable {
  package var images: Int
  package var channels: Int
  package var height: Int
  package var width: Int
  /// Each channel has a plane for each pair of remainders of its places, which are counted from the padding.
  package var stride = 1
  package var padding = 0
  /// The number of elements from one row of a plane to the next, and the rows of an image.
  package var pitch: Int
  package var rows: Int
  /// The elements before the first image.
  package var lead: Int
  package var channelPitch: Int

  package init(
    images: Int, channels: Int, height: Int, width: Int, pitch: Int, rows: Int, lead: Int,
    channelPitch: Int
  ) {
    precondition([images, channels, height, width, pitch, rows].allSatisfy { $0 > 0 } && lead >= 0)
    (self.images, self.channels, self.height, self.width) = (images, channels, height, width)
    (self.pitch, self.rows, self.lead, self.channelPitch) = (pitch, rows, lead, channelPitch)
  }

  /// The number of values of the images.
  package var valueCount: Int { images * channels * height * width }
  /// The number of values of all planes.
  package var planeCount: Int { channels * stride * stride * channelPitch }

  /// True if every place that is used lies inside its plane.
  var isValid: Bool {
    stride > 0 && padding >= 0 && channelPitch >= lead + images * rows * pitch
      && (stride > 1 || (height + padding <= rows && width + padding <= pitch))
  }
}
