// See Arduino.h. The card in these tests needs no bus.
