import Sumac

/// Writes a file of two tensors, one of them quantized, and reads it again.
@main
struct ReadAndWrite {
  static func main() throws {
    let path = CommandLine.arguments.dropFirst().first ?? "example.sumac"
    let values = (0..<4096).map { Float($0 % 64) / 64 - 0.5 }

    var output = SumacOutput()
    try output.add("exact", shape: [64, 64], floats: values)
    try output.add("small", shape: [64, 64], floats: values, as: "int4:g32")
    try output.write(to: path, replacing: true)

    let file = try SumacFile(path: path)
    for tensor in file.tensors {
      let row = try file.floats(of: tensor.name, rows: 1..<2)
      let error = zip(row, values[64..<128]).map { abs($0 - $1) }.max() ?? 0
      print(tensor.name, tensor.storage, tensor.storedByteCount, "bytes, largest error", error)
    }
  }
}
