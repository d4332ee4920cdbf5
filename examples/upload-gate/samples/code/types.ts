export interface Reading {
  readonly station: number;
  readonly takenAt: Date;
  value?: number;
}

export type Sensor = 'tide' | 'wind';

export class Store<T extends Reading> {
  private readonly rows: T[] = [];

  add(row: T): void {
    this.rows.push(row);
  }

  highest(sensor: Sensor): T | undefined {
    return this.rows.reduce<T | undefined>(
      (best, row) => ((row.value ?? 0) > (best?.value ?? 0) ? row : best),
      undefined,
    );
  }
}

export const limits: Record<Sensor, [number, number]> = { tide: [0, 900], wind: [0, 60] };
