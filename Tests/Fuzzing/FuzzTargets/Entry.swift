import Glibc

/// The target for libFuzzer, as named by the environment variable `SUMAC_FUZZ`.
private let chosen: FuzzTarget = {
  let name = unsafe getenv("SUMAC_FUZZ").map { unsafe String(cString: $0) } ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    print(
      "SUMAC_FUZZ must be one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
    exit(64)
  }
  return target
}()

/// Runs the chosen target. LibFuzzer calls this function with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  // SAFETY: libFuzzer keeps the input valid during the call.
  unsafe chosen.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// The main function without libFuzzer: mutates the seeds of each target for the given time.
///
/// Usage: sumac-fuzz --seconds N --corpus DIR [TARGET...]
@_cdecl("sumac_fuzz_main")
public func fuzzMain(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  var seconds = 5.0
  var corpus = "Tests/Fuzzing/Corpus"
  var targets: [FuzzTarget] = []
  var rest = CommandLine.arguments.dropFirst()
  while let argument = rest.popFirst() {
    switch argument {
    case "--seconds": seconds = rest.popFirst().flatMap(Double.init) ?? seconds
    case "--corpus": corpus = rest.popFirst() ?? corpus
    default:
      guard let target = FuzzTarget(rawValue: argument) else {
        print("unknown target \(argument)")
        return 64
      }
      targets.append(target)
    }
  }
  for target in targets.isEmpty ? FuzzTarget.allCases : targets {
    guard let run = MutationRun(target, seeds: "\(corpus)/\(target.rawValue)") else {
      print("no seeds for \(target.rawValue) in \(corpus)")
      return 1
    }
    let executions = run.run(seconds: seconds)
    print("\(target.rawValue): \(run.seedCount) seeds, \(executions) executions, no fault")
  }
  return 0
}
