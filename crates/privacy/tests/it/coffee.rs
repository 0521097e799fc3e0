//! Ordinary talk holds no personal data, and none is found.

use cultivar_privacy::Desensitiser;

#[test]
fn ordinary_orders_come_back_as_they_were() {
    let orders = [
        "two 16 oz lattes at 7:30, please",
        "order 4111 is ready",
        "That will be $12.50, or 12.50 for the 2 of them.",
        "Your order number is 20481632, it takes 5-7 minutes.",
        "1 venti iced caramel macchiato with 2% milk, 3 pumps, 1/2 caff",
        "We open 06:00-22:00, 24/7 on 12/24/2026 and 2026-12-25.",
        "1-2 shots, 10-12 oz, 4-6 people, 12 16 20 24 oz cups",
        "Can I get a mocha @ 120 degrees? Total: 4.75 + 1.25 = 6.00",
        "ok, then you can pick up your drink over at the bar in a few minutes.",
        "Flight 123-4567 and room 12-345, version 1.2.3, 3.14159, 50%",
        "call me when the 2 drinks are ready, text 4111 to pay",
        "一杯大杯拿铁，两份浓缩，一共38.50元，订单20481632",
        "He paid 1,250,000.00 for 1 000 000 beans in 1999-2001.",
        "ratio 1:2:3, std::vec<int>, a::b, C++ // comment, and/or http",
    ];
    let desensitiser = Desensitiser::new([7; 32]);
    for order in orders {
        assert_eq!(desensitiser.scan(order), [], "{order}");
        assert_eq!(desensitiser.desensitise(order).unwrap().text, order);
    }
}
