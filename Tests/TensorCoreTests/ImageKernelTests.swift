import Base
import TensorCore
import TestSupport
import Testing

/// The kernels for windows and channels of images, on every CPU level.
@Suite struct ImageKernelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let channels: Int
    let size: (height: Int, width: Int)
    let kernel: (height: Int, width: Int)
    let stride: (height: Int, width: Int)
    let padding: (height: Int, width: Int)

    var windows: ImageWindows {
      ImageWindows(
        channels: channels, height: size.height, width: size.width, kernel: kernel,
        stride: stride, padding: padding)
    }
    var testDescription: String { "\(size) \(kernel) \(stride) \(padding)" }

    static let all = [
      Case(channels: 3, size: (5, 19), kernel: (3, 3), stride: (1, 1), padding: (1, 1)),
      Case(channels: 2, size: (7, 9), kernel: (3, 2), stride: (2, 3), padding: (1, 0)),
      Case(channels: 1, size: (1, 6), kernel: (1, 3), stride: (1, 2), padding: (0, 2)),
      Case(channels: 2, size: (4, 4), kernel: (4, 4), stride: (1, 1), padding: (0, 0)),
      Case(channels: 1, size: (2, 1), kernel: (3, 5), stride: (1, 1), padding: (2, 3)),
      Case(channels: 2, size: (7, 37), kernel: (2, 2), stride: (2, 2), padding: (0, 0)),
    ]
  }

  private static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).flatMap { _ in
      let bits = Float.random(in: -1...1, using: &generator).bitPattern
      return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }
  }

  /// Returns memory with a copy of some bytes.
  private static func buffer(_ bytes: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer(byteCount: bytes.count)
    var target = buffer.mutableBytes
    for (index, byte) in bytes.enumerated() {
      target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
    return buffer
  }

  /// The place in the image of each place of the matrix of windows; nil outside of the image.
  private static func places(_ windows: ImageWindows) -> [[Int?]] {
    (0..<windows.depth).map { row in
      let (rest, j) = row.quotientAndRemainder(dividingBy: windows.kernel.width)
      let (channel, i) = rest.quotientAndRemainder(dividingBy: windows.kernel.height)
      return (0..<windows.count).map { place in
        let y = place / windows.outputWidth * windows.stride.height + i - windows.padding.height
        let x = place % windows.outputWidth * windows.stride.width + j - windows.padding.width
        guard (0..<windows.height).contains(y), (0..<windows.width).contains(x) else { return nil }
        return (channel * windows.height + y) * windows.width + x
      }
    }
  }

  @Test("windows are copied and added place by place on all levels", arguments: Case.all)
  func windows(one: Case) {
    let windows = one.windows
    let pitch = windows.count + 3
    let image = Self.bytes(windows.imageCount, seed: 1)
    let matrix = Self.bytes(windows.depth * pitch, seed: 2)
    let (numbers, terms) = (image.floats, matrix.floats)
    var (expected, sums) = (terms, numbers)
    for (row, places) in Self.places(windows).enumerated() {
      for (column, place) in places.enumerated() {
        expected[row * pitch + column] = place.map { numbers[$0] } ?? 0
        if let place { sums[place] += terms[row * pitch + column] }
      }
    }
    for kernels in Kernels.levels {
      var filledBuffer = Self.buffer(matrix)
      var filledTarget = filledBuffer.mutableBytes
      kernels.fill(windows, of: image.rawSpan, into: &filledTarget, pitch: pitch, isDouble: false)
      let filled = filledBuffer.bytes.array()
      #expect(filled.floats == expected)
      var addedBuffer = Self.buffer(image)
      var addedTarget = addedBuffer.mutableBytes
      kernels.add(windows, from: matrix.rawSpan, pitch: pitch, to: &addedTarget, isDouble: false)
      let added = addedBuffer.bytes.array()
      #expect(added.floats == sums)
    }
  }

  @Test("the first of the largest numbers of a window is found on all levels", arguments: Case.all)
  func largest(one: Case) {
    let windows = one.windows
    // Few different numbers, so that some are equal.
    let image = Self.bytes(windows.imageCount, seed: 3).floats.map { ($0 * 3).rounded() }
    let slopes = Self.bytes(windows.channels * windows.count, seed: 4)
    var values: [Float] = []
    var sums = [Float](repeating: 0, count: image.count)
    let places = Self.places(windows)
    let size = windows.kernel.height * windows.kernel.width
    for channel in 0..<windows.channels {
      for column in 0..<windows.count {
        let inside = (0..<size).compactMap { places[channel * size + $0][column] }
        guard var best = inside.first else { continue }
        for place in inside where image[place] > image[best] { best = place }
        sums[best] += slopes.floats[values.count]
        values.append(image[best])
      }
    }
    let bytes = image.flatMap { number in
      (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
    }
    for kernels in Kernels.levels {
      var foundBuffer = Self.buffer(slopes)
      var foundTarget = foundBuffer.mutableBytes
      kernels.largest(in: windows, of: bytes.rawSpan, into: &foundTarget, isDouble: false)
      let found = foundBuffer.bytes.array()
      #expect(found.floats == values)
      var addedBuffer = Self.buffer([UInt8](repeating: 0, count: bytes.count))
      var addedTarget = addedBuffer.mutableBytes
      kernels.addToLargest(
        in: windows, of: bytes.rawSpan, slopes.rawSpan, to: &addedTarget, isDouble: false)
      let added = addedBuffer.bytes.array()
      #expect(added.floats == sums)
    }
  }

  @Test(
    "a channel is normalized with the same bits on all levels",
    arguments: [[3, 2, 37], [2, 3, 16], [1, 1, 5]])
  func channels(shape: [Int]) {
    let layout = ImageChannels(shape)
    let count = shape.reduce(1, *)
    let (x, g) = (Self.bytes(count, seed: 5), Self.bytes(count, seed: 6))
    func results(_ kernels: Kernels, rectified: Bool) -> [[UInt8]] {
      let moments = kernels.moments(of: 0, layout, x.rawSpan, isDouble: false)
      let numbers = Normalization(
        mean: moments.mean, factor: 1.5, scale: 0.7, shift: 0.1, offset: 0.1, share: 0.2)
      let sums = kernels.normalSums(
        of: 0, layout, x.rawSpan, slopes: g.rawSpan, outputs: rectified ? g.rawSpan : nil, numbers,
        isDouble: false)
      var yBuffer = Self.buffer(g)
      var yTarget = yBuffer.mutableBytes
      kernels.normalize(
        0, layout, x.rawSpan, numbers, added: rectified ? g.rawSpan : nil, rectifies: rectified,
        into: &yTarget, isDouble: false)
      let y = yBuffer.bytes.array()
      var dxBuffer = Self.buffer(x)
      var dxTarget = dxBuffer.mutableBytes
      kernels.normalSlopes(
        of: 0, layout, x.rawSpan, slopes: g.rawSpan, outputs: rectified ? y.rawSpan : nil, numbers,
        into: &dxTarget, isAdding: !rectified, isDouble: false)
      kernels.rectifiedSlopes(
        of: 0, layout, g.rawSpan, outputs: y.rawSpan, into: &dxTarget, isAdding: true,
        isDouble: false)
      let dx = dxBuffer.bytes.array()
      let found = [moments.mean, moments.variance, sums.sum, sums.product]
      return [y, dx]
        + found.map { number in
          (0..<8).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
        }
    }
    let expected = results(.best, rectified: false)
    let rectified = results(.best, rectified: true)
    #expect(Kernels.levels.allSatisfy { results($0, rectified: false) == expected })
    #expect(Kernels.levels.allSatisfy { results($0, rectified: true) == rectified })
    // The numbers of channel 0 in all images.
    let places = (0..<shape[0]).flatMap { image in
      (0..<shape[2]).map { image * shape[1] * shape[2] + $0 }
    }
    let values = places.map { Double(x.floats[$0]) }
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    let moments = Kernels.best.moments(of: 0, layout, x.rawSpan, isDouble: false)
    #expect(abs(moments.mean - mean) <= 1e-6 && abs(moments.variance - variance) <= 1e-6)
    let sums = Kernels.best.normalSums(
      of: 0, layout, x.rawSpan, slopes: g.rawSpan, Normalization(mean: mean, factor: 2),
      isDouble: false)
    let slopes = places.map { Double(g.floats[$0]) }
    let product = zip(slopes, values).reduce(0) { $0 + $1.0 * ($1.1 - mean) * 2 }
    #expect(abs(sums.sum - slopes.reduce(0, +)) <= 1e-5 && abs(sums.product - product) <= 1e-5)
    let other = Set(0..<count).subtracting(places)
    #expect(other.allSatisfy { expected[0].floats[$0] == g.floats[$0] })
    // With the sum and the rectification: y, and the slopes where y is positive.
    for place in places {
      let normal = (x.floats[place] - Float(moments.mean)) * 1.5 * 0.7 + 0.1
      #expect(rectified[0].floats[place] == max(0, normal + g.floats[place]))
    }
  }
}
