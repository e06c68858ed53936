import Sumac

/// Writes a file with two tensors, one of them quantized, reads it again, and checks the values.
@main
struct ReadAndWrite {
  /// A tensor whose values differ from the written ones by more than its storage allows.
  struct Difference: Error {
    var tensor: String
    var error: Float
    var allowed: Float
  }

  static func main() throws {
    let path = CommandLine.arguments.dropFirst().first ?? "example.sumac"
    let values = (0..<4096).map { Float($0 % 64) / 64 - 0.5 }

    var output = SumacOutput()
    try output.add("exact", shape: [64, 64], floats: values)
    try output.add("small", shape: [64, 64], floats: values, as: "int4:g32")
    try output.write(to: path, replacing: true)

    // A four-bit value has an error of at most half a step. Seven steps are the largest magnitude, which is 0.5
    // here. 0.51 instead of 0.5 allows for the rounding of scales to half precision.
    let allowed: [String: Float] = ["exact": 0, "small": 0.51 * 0.5 / 7]
    let file = try SumacFile(path: path)
    guard Set(file.tensors.map(\.name)) == Set(allowed.keys) else {
      throw Difference(tensor: "names", error: .infinity, allowed: 0)
    }
    for tensor in file.tensors {
      try check(file, tensor, values, allowed: allowed[tensor.name, default: 0])
    }
    print("checked: both tensors, whole and by row")
  }

  /// Compares all values of a tensor and those of one row with `values`.
  static func check(
    _ file: SumacFile, _ tensor: SumacFile.Tensor, _ values: [Float], allowed: Float
  ) throws {
    let all = try file.floats(of: tensor.name)
    let row = try file.floats(of: tensor.name, rows: 1..<2)
    let error = zip(all, values).map { abs($0 - $1) }.max() ?? .infinity
    print(
      tensor.name, tensor.storage, tensor.storedByteCount, "bytes, largest error", error,
      "of at most", allowed)
    guard all.count == values.count, error <= allowed, row == Array(all[64..<128]) else {
      throw Difference(tensor: tensor.name, error: error, allowed: allowed)
    }
  }
}
