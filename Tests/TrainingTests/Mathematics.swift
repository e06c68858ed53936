import Glibc

func naturalLogarithm(_ value: Double) -> Double { log(value) }
