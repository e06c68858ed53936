import Base
import Glibc
import TensorCore

/// A run of a target on random mutations of its seeds. For fuzzing that follows coverage, build with libFuzzer.
struct MutationRun {
  private let target: FuzzTarget
  private let seeds: [[UInt8]]
  private var random = Philox4x32(key: (7, 7))

  /// Creates a run with the files of a folder as seeds; returns nil if there are none.
  init?(_ target: FuzzTarget, seeds folder: String) {
    self.target = target
    guard let names = try? FileSystem.names(in: folder).sorted() else { return nil }
    seeds = names.compactMap { name in
      guard let file = try? InputFile(path: "\(folder)/\(name)") else { return nil }
      return try? file.bytes(at: 0, count: file.byteCount)
    }
    if seeds.isEmpty { return nil }
  }

  var seedCount: Int { seeds.count }

  /// Runs the target on each seed, then on mutations until the time is over.
  /// - Returns: the number of executions.
  func run(seconds: Double) -> Int {
    let start = ContinuousClock.now
    for seed in seeds { run(seed) }
    var executions = seeds.count
    var numbers = Numbers(random)
    while start.duration(to: .now) < .seconds(seconds) {
      for _ in 0..<16 { run(mutated(&numbers)) }
      executions += 16
    }
    return executions
  }

  /// Runs the target after writing the input to `sumac-fuzz-last`, so that an input that ends the process is kept.
  private func run(_ input: [UInt8]) {
    Self.keep(input)
    target.run(input)
  }

  // SAFETY: set once; the runs of a process are sequential.
  private nonisolated(unsafe) static let kept: UnsafeMutableRawPointer? = {
    let descriptor = unsafe open("sumac-fuzz-last", O_RDWR | O_CREAT, 0o600)
    guard descriptor >= 0, ftruncate(descriptor, 1 << 20) == 0 else { return nil }
    // SAFETY: a shared mapping of a file of this size.
    return unsafe mmap(nil, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
  }()

  private static func keep(_ input: [UInt8]) {
    guard let kept = unsafe kept, unsafe kept != MAP_FAILED, input.count < 1 << 20 - 8 else {
      return
    }
    // SAFETY: the count was compared with the size of the mapping.
    unsafe kept.storeBytes(of: UInt64(input.count), as: UInt64.self)
    unsafe input.withUnsafeBytes { input in
      if let start = input.baseAddress {
        _ = unsafe memcpy(kept + 8, start, input.count)
      }
    }
  }

  private func mutated(_ numbers: inout Numbers) -> [UInt8] {
    var bytes = seeds[numbers.below(seeds.count)]
    for _ in 0...numbers.below(4) { mutate(&bytes, &numbers) }
    return bytes
  }

  private func mutate(_ bytes: inout [UInt8], _ numbers: inout Numbers) {
    guard !bytes.isEmpty else { return bytes.append(UInt8(numbers.below(256))) }
    let index = numbers.below(bytes.count)
    switch numbers.below(8) {
    case 0: bytes[index] ^= 1 << UInt8(numbers.below(8))
    case 1: bytes[index] = UInt8(numbers.below(256))
    case 2: bytes[index] = [0, 1, 0x7F, 0x80, 0xFF][numbers.below(5)]
    case 3: bytes.remove(at: index)
    case 4: bytes.insert(UInt8(numbers.below(256)), at: index)
    case 5: bytes.removeSubrange(index..<min(bytes.count, index + numbers.below(64)))
    case 6:
      let other = seeds[numbers.below(seeds.count)]
      guard !other.isEmpty else { return }
      let from = numbers.below(other.count)
      let length = min(1 + numbers.below(64), other.count - from, bytes.count - index)
      bytes.replaceSubrange(index..<index + length, with: other[from..<from + length])
    default:
      for byte in index..<min(bytes.count, index + 8) { bytes[byte] = UInt8(numbers.below(256)) }
    }
  }
}

/// A stream of random numbers.
struct Numbers {
  private let random: Philox4x32
  private var next: UInt64 = 0

  init(_ random: Philox4x32) { self.random = random }

  /// Returns a number from 0 to `limit` - 1.
  mutating func below(_ limit: Int) -> Int {
    defer { next += 1 }
    return Int(random.block(low: next).x) % limit
  }
}
