package org.example.harbour;

import java.util.ArrayList;
import java.util.List;

public final class Gauge {
    private final List<Double> values = new ArrayList<>();

    public void add(double value) {
        if (value < 0) {
            throw new IllegalArgumentException("negative: " + value);
        }
        values.add(value);
    }

    public double highest() {
        return values.stream().mapToDouble(Double::doubleValue).max().orElse(0.0);
    }

    public static void main(String[] args) {
        Gauge gauge = new Gauge();
        for (String arg : args) {
            gauge.add(Double.parseDouble(arg));
        }
        System.out.println(gauge.highest());
    }
}
