// About 100 KB of bytecode: many functions, each called in turn.
import * as ds from "@devicescript/core"

let n = 0
function f0(x: number) {
    if (x > 0) return "alpha number 0 of many"
    return "0 is not below " + x
}
function f1(x: number) {
    if (x > 1) return "beta number 1 of many"
    return "1 is not below " + x
}
function f2(x: number) {
    if (x > 2) return "gamma number 2 of many"
    return "2 is not below " + x
}
function f3(x: number) {
    if (x > 3) return "delta number 3 of many"
    return "3 is not below " + x
}
function f4(x: number) {
    if (x > 4) return "epsilon number 4 of many"
    return "4 is not below " + x
}
function f5(x: number) {
    if (x > 5) return "alpha number 5 of many"
    return "5 is not below " + x
}
function f6(x: number) {
    if (x > 6) return "beta number 6 of many"
    return "6 is not below " + x
}
function f7(x: number) {
    if (x > 7) return "gamma number 7 of many"
    return "7 is not below " + x
}
function f8(x: number) {
    if (x > 8) return "delta number 8 of many"
    return "8 is not below " + x
}
function f9(x: number) {
    if (x > 9) return "epsilon number 9 of many"
    return "9 is not below " + x
}
function f10(x: number) {
    if (x > 10) return "alpha number 10 of many"
    return "10 is not below " + x
}
function f11(x: number) {
    if (x > 11) return "beta number 11 of many"
    return "11 is not below " + x
}
function f12(x: number) {
    if (x > 12) return "gamma number 12 of many"
    return "12 is not below " + x
}
function f13(x: number) {
    if (x > 13) return "delta number 13 of many"
    return "13 is not below " + x
}
function f14(x: number) {
    if (x > 14) return "epsilon number 14 of many"
    return "14 is not below " + x
}
function f15(x: number) {
    if (x > 15) return "alpha number 15 of many"
    return "15 is not below " + x
}
function f16(x: number) {
    if (x > 16) return "beta number 16 of many"
    return "16 is not below " + x
}
function f17(x: number) {
    if (x > 17) return "gamma number 17 of many"
    return "17 is not below " + x
}
function f18(x: number) {
    if (x > 18) return "delta number 18 of many"
    return "18 is not below " + x
}
function f19(x: number) {
    if (x > 19) return "epsilon number 19 of many"
    return "19 is not below " + x
}
function f20(x: number) {
    if (x > 20) return "alpha number 20 of many"
    return "20 is not below " + x
}
function f21(x: number) {
    if (x > 21) return "beta number 21 of many"
    return "21 is not below " + x
}
function f22(x: number) {
    if (x > 22) return "gamma number 22 of many"
    return "22 is not below " + x
}
function f23(x: number) {
    if (x > 23) return "delta number 23 of many"
    return "23 is not below " + x
}
function f24(x: number) {
    if (x > 24) return "epsilon number 24 of many"
    return "24 is not below " + x
}
function f25(x: number) {
    if (x > 25) return "alpha number 25 of many"
    return "25 is not below " + x
}
function f26(x: number) {
    if (x > 26) return "beta number 26 of many"
    return "26 is not below " + x
}
function f27(x: number) {
    if (x > 27) return "gamma number 27 of many"
    return "27 is not below " + x
}
function f28(x: number) {
    if (x > 28) return "delta number 28 of many"
    return "28 is not below " + x
}
function f29(x: number) {
    if (x > 29) return "epsilon number 29 of many"
    return "29 is not below " + x
}
function f30(x: number) {
    if (x > 30) return "alpha number 30 of many"
    return "30 is not below " + x
}
function f31(x: number) {
    if (x > 31) return "beta number 31 of many"
    return "31 is not below " + x
}
function f32(x: number) {
    if (x > 32) return "gamma number 32 of many"
    return "32 is not below " + x
}
function f33(x: number) {
    if (x > 33) return "delta number 33 of many"
    return "33 is not below " + x
}
function f34(x: number) {
    if (x > 34) return "epsilon number 34 of many"
    return "34 is not below " + x
}
function f35(x: number) {
    if (x > 35) return "alpha number 35 of many"
    return "35 is not below " + x
}
function f36(x: number) {
    if (x > 36) return "beta number 36 of many"
    return "36 is not below " + x
}
function f37(x: number) {
    if (x > 37) return "gamma number 37 of many"
    return "37 is not below " + x
}
function f38(x: number) {
    if (x > 38) return "delta number 38 of many"
    return "38 is not below " + x
}
function f39(x: number) {
    if (x > 39) return "epsilon number 39 of many"
    return "39 is not below " + x
}
function f40(x: number) {
    if (x > 40) return "alpha number 40 of many"
    return "40 is not below " + x
}
function f41(x: number) {
    if (x > 41) return "beta number 41 of many"
    return "41 is not below " + x
}
function f42(x: number) {
    if (x > 42) return "gamma number 42 of many"
    return "42 is not below " + x
}
function f43(x: number) {
    if (x > 43) return "delta number 43 of many"
    return "43 is not below " + x
}
function f44(x: number) {
    if (x > 44) return "epsilon number 44 of many"
    return "44 is not below " + x
}
function f45(x: number) {
    if (x > 45) return "alpha number 45 of many"
    return "45 is not below " + x
}
function f46(x: number) {
    if (x > 46) return "beta number 46 of many"
    return "46 is not below " + x
}
function f47(x: number) {
    if (x > 47) return "gamma number 47 of many"
    return "47 is not below " + x
}
function f48(x: number) {
    if (x > 48) return "delta number 48 of many"
    return "48 is not below " + x
}
function f49(x: number) {
    if (x > 49) return "epsilon number 49 of many"
    return "49 is not below " + x
}
function f50(x: number) {
    if (x > 50) return "alpha number 50 of many"
    return "50 is not below " + x
}
function f51(x: number) {
    if (x > 51) return "beta number 51 of many"
    return "51 is not below " + x
}
function f52(x: number) {
    if (x > 52) return "gamma number 52 of many"
    return "52 is not below " + x
}
function f53(x: number) {
    if (x > 53) return "delta number 53 of many"
    return "53 is not below " + x
}
function f54(x: number) {
    if (x > 54) return "epsilon number 54 of many"
    return "54 is not below " + x
}
function f55(x: number) {
    if (x > 55) return "alpha number 55 of many"
    return "55 is not below " + x
}
function f56(x: number) {
    if (x > 56) return "beta number 56 of many"
    return "56 is not below " + x
}
function f57(x: number) {
    if (x > 57) return "gamma number 57 of many"
    return "57 is not below " + x
}
function f58(x: number) {
    if (x > 58) return "delta number 58 of many"
    return "58 is not below " + x
}
function f59(x: number) {
    if (x > 59) return "epsilon number 59 of many"
    return "59 is not below " + x
}
function f60(x: number) {
    if (x > 60) return "alpha number 60 of many"
    return "60 is not below " + x
}
function f61(x: number) {
    if (x > 61) return "beta number 61 of many"
    return "61 is not below " + x
}
function f62(x: number) {
    if (x > 62) return "gamma number 62 of many"
    return "62 is not below " + x
}
function f63(x: number) {
    if (x > 63) return "delta number 63 of many"
    return "63 is not below " + x
}
function f64(x: number) {
    if (x > 64) return "epsilon number 64 of many"
    return "64 is not below " + x
}
function f65(x: number) {
    if (x > 65) return "alpha number 65 of many"
    return "65 is not below " + x
}
function f66(x: number) {
    if (x > 66) return "beta number 66 of many"
    return "66 is not below " + x
}
function f67(x: number) {
    if (x > 67) return "gamma number 67 of many"
    return "67 is not below " + x
}
function f68(x: number) {
    if (x > 68) return "delta number 68 of many"
    return "68 is not below " + x
}
function f69(x: number) {
    if (x > 69) return "epsilon number 69 of many"
    return "69 is not below " + x
}
function f70(x: number) {
    if (x > 70) return "alpha number 70 of many"
    return "70 is not below " + x
}
function f71(x: number) {
    if (x > 71) return "beta number 71 of many"
    return "71 is not below " + x
}
function f72(x: number) {
    if (x > 72) return "gamma number 72 of many"
    return "72 is not below " + x
}
function f73(x: number) {
    if (x > 73) return "delta number 73 of many"
    return "73 is not below " + x
}
function f74(x: number) {
    if (x > 74) return "epsilon number 74 of many"
    return "74 is not below " + x
}
function f75(x: number) {
    if (x > 75) return "alpha number 75 of many"
    return "75 is not below " + x
}
function f76(x: number) {
    if (x > 76) return "beta number 76 of many"
    return "76 is not below " + x
}
function f77(x: number) {
    if (x > 77) return "gamma number 77 of many"
    return "77 is not below " + x
}
function f78(x: number) {
    if (x > 78) return "delta number 78 of many"
    return "78 is not below " + x
}
function f79(x: number) {
    if (x > 79) return "epsilon number 79 of many"
    return "79 is not below " + x
}
function f80(x: number) {
    if (x > 80) return "alpha number 80 of many"
    return "80 is not below " + x
}
function f81(x: number) {
    if (x > 81) return "beta number 81 of many"
    return "81 is not below " + x
}
function f82(x: number) {
    if (x > 82) return "gamma number 82 of many"
    return "82 is not below " + x
}
function f83(x: number) {
    if (x > 83) return "delta number 83 of many"
    return "83 is not below " + x
}
function f84(x: number) {
    if (x > 84) return "epsilon number 84 of many"
    return "84 is not below " + x
}
function f85(x: number) {
    if (x > 85) return "alpha number 85 of many"
    return "85 is not below " + x
}
function f86(x: number) {
    if (x > 86) return "beta number 86 of many"
    return "86 is not below " + x
}
function f87(x: number) {
    if (x > 87) return "gamma number 87 of many"
    return "87 is not below " + x
}
function f88(x: number) {
    if (x > 88) return "delta number 88 of many"
    return "88 is not below " + x
}
function f89(x: number) {
    if (x > 89) return "epsilon number 89 of many"
    return "89 is not below " + x
}
function f90(x: number) {
    if (x > 90) return "alpha number 90 of many"
    return "90 is not below " + x
}
function f91(x: number) {
    if (x > 91) return "beta number 91 of many"
    return "91 is not below " + x
}
function f92(x: number) {
    if (x > 92) return "gamma number 92 of many"
    return "92 is not below " + x
}
function f93(x: number) {
    if (x > 93) return "delta number 93 of many"
    return "93 is not below " + x
}
function f94(x: number) {
    if (x > 94) return "epsilon number 94 of many"
    return "94 is not below " + x
}
function f95(x: number) {
    if (x > 95) return "alpha number 95 of many"
    return "95 is not below " + x
}
function f96(x: number) {
    if (x > 96) return "beta number 96 of many"
    return "96 is not below " + x
}
function f97(x: number) {
    if (x > 97) return "gamma number 97 of many"
    return "97 is not below " + x
}
function f98(x: number) {
    if (x > 98) return "delta number 98 of many"
    return "98 is not below " + x
}
function f99(x: number) {
    if (x > 99) return "epsilon number 99 of many"
    return "99 is not below " + x
}
function f100(x: number) {
    if (x > 100) return "alpha number 100 of many"
    return "100 is not below " + x
}
function f101(x: number) {
    if (x > 101) return "beta number 101 of many"
    return "101 is not below " + x
}
function f102(x: number) {
    if (x > 102) return "gamma number 102 of many"
    return "102 is not below " + x
}
function f103(x: number) {
    if (x > 103) return "delta number 103 of many"
    return "103 is not below " + x
}
function f104(x: number) {
    if (x > 104) return "epsilon number 104 of many"
    return "104 is not below " + x
}
function f105(x: number) {
    if (x > 105) return "alpha number 105 of many"
    return "105 is not below " + x
}
function f106(x: number) {
    if (x > 106) return "beta number 106 of many"
    return "106 is not below " + x
}
function f107(x: number) {
    if (x > 107) return "gamma number 107 of many"
    return "107 is not below " + x
}
function f108(x: number) {
    if (x > 108) return "delta number 108 of many"
    return "108 is not below " + x
}
function f109(x: number) {
    if (x > 109) return "epsilon number 109 of many"
    return "109 is not below " + x
}
function f110(x: number) {
    if (x > 110) return "alpha number 110 of many"
    return "110 is not below " + x
}
function f111(x: number) {
    if (x > 111) return "beta number 111 of many"
    return "111 is not below " + x
}
function f112(x: number) {
    if (x > 112) return "gamma number 112 of many"
    return "112 is not below " + x
}
function f113(x: number) {
    if (x > 113) return "delta number 113 of many"
    return "113 is not below " + x
}
function f114(x: number) {
    if (x > 114) return "epsilon number 114 of many"
    return "114 is not below " + x
}
function f115(x: number) {
    if (x > 115) return "alpha number 115 of many"
    return "115 is not below " + x
}
function f116(x: number) {
    if (x > 116) return "beta number 116 of many"
    return "116 is not below " + x
}
function f117(x: number) {
    if (x > 117) return "gamma number 117 of many"
    return "117 is not below " + x
}
function f118(x: number) {
    if (x > 118) return "delta number 118 of many"
    return "118 is not below " + x
}
function f119(x: number) {
    if (x > 119) return "epsilon number 119 of many"
    return "119 is not below " + x
}
function f120(x: number) {
    if (x > 120) return "alpha number 120 of many"
    return "120 is not below " + x
}
function f121(x: number) {
    if (x > 121) return "beta number 121 of many"
    return "121 is not below " + x
}
function f122(x: number) {
    if (x > 122) return "gamma number 122 of many"
    return "122 is not below " + x
}
function f123(x: number) {
    if (x > 123) return "delta number 123 of many"
    return "123 is not below " + x
}
function f124(x: number) {
    if (x > 124) return "epsilon number 124 of many"
    return "124 is not below " + x
}
function f125(x: number) {
    if (x > 125) return "alpha number 125 of many"
    return "125 is not below " + x
}
function f126(x: number) {
    if (x > 126) return "beta number 126 of many"
    return "126 is not below " + x
}
function f127(x: number) {
    if (x > 127) return "gamma number 127 of many"
    return "127 is not below " + x
}
function f128(x: number) {
    if (x > 128) return "delta number 128 of many"
    return "128 is not below " + x
}
function f129(x: number) {
    if (x > 129) return "epsilon number 129 of many"
    return "129 is not below " + x
}
function f130(x: number) {
    if (x > 130) return "alpha number 130 of many"
    return "130 is not below " + x
}
function f131(x: number) {
    if (x > 131) return "beta number 131 of many"
    return "131 is not below " + x
}
function f132(x: number) {
    if (x > 132) return "gamma number 132 of many"
    return "132 is not below " + x
}
function f133(x: number) {
    if (x > 133) return "delta number 133 of many"
    return "133 is not below " + x
}
function f134(x: number) {
    if (x > 134) return "epsilon number 134 of many"
    return "134 is not below " + x
}
function f135(x: number) {
    if (x > 135) return "alpha number 135 of many"
    return "135 is not below " + x
}
function f136(x: number) {
    if (x > 136) return "beta number 136 of many"
    return "136 is not below " + x
}
function f137(x: number) {
    if (x > 137) return "gamma number 137 of many"
    return "137 is not below " + x
}
function f138(x: number) {
    if (x > 138) return "delta number 138 of many"
    return "138 is not below " + x
}
function f139(x: number) {
    if (x > 139) return "epsilon number 139 of many"
    return "139 is not below " + x
}
function f140(x: number) {
    if (x > 140) return "alpha number 140 of many"
    return "140 is not below " + x
}
function f141(x: number) {
    if (x > 141) return "beta number 141 of many"
    return "141 is not below " + x
}
function f142(x: number) {
    if (x > 142) return "gamma number 142 of many"
    return "142 is not below " + x
}
function f143(x: number) {
    if (x > 143) return "delta number 143 of many"
    return "143 is not below " + x
}
function f144(x: number) {
    if (x > 144) return "epsilon number 144 of many"
    return "144 is not below " + x
}
function f145(x: number) {
    if (x > 145) return "alpha number 145 of many"
    return "145 is not below " + x
}
function f146(x: number) {
    if (x > 146) return "beta number 146 of many"
    return "146 is not below " + x
}
function f147(x: number) {
    if (x > 147) return "gamma number 147 of many"
    return "147 is not below " + x
}
function f148(x: number) {
    if (x > 148) return "delta number 148 of many"
    return "148 is not below " + x
}
function f149(x: number) {
    if (x > 149) return "epsilon number 149 of many"
    return "149 is not below " + x
}
function f150(x: number) {
    if (x > 150) return "alpha number 150 of many"
    return "150 is not below " + x
}
function f151(x: number) {
    if (x > 151) return "beta number 151 of many"
    return "151 is not below " + x
}
function f152(x: number) {
    if (x > 152) return "gamma number 152 of many"
    return "152 is not below " + x
}
function f153(x: number) {
    if (x > 153) return "delta number 153 of many"
    return "153 is not below " + x
}
function f154(x: number) {
    if (x > 154) return "epsilon number 154 of many"
    return "154 is not below " + x
}
function f155(x: number) {
    if (x > 155) return "alpha number 155 of many"
    return "155 is not below " + x
}
function f156(x: number) {
    if (x > 156) return "beta number 156 of many"
    return "156 is not below " + x
}
function f157(x: number) {
    if (x > 157) return "gamma number 157 of many"
    return "157 is not below " + x
}
function f158(x: number) {
    if (x > 158) return "delta number 158 of many"
    return "158 is not below " + x
}
function f159(x: number) {
    if (x > 159) return "epsilon number 159 of many"
    return "159 is not below " + x
}
function f160(x: number) {
    if (x > 160) return "alpha number 160 of many"
    return "160 is not below " + x
}
function f161(x: number) {
    if (x > 161) return "beta number 161 of many"
    return "161 is not below " + x
}
function f162(x: number) {
    if (x > 162) return "gamma number 162 of many"
    return "162 is not below " + x
}
function f163(x: number) {
    if (x > 163) return "delta number 163 of many"
    return "163 is not below " + x
}
function f164(x: number) {
    if (x > 164) return "epsilon number 164 of many"
    return "164 is not below " + x
}
function f165(x: number) {
    if (x > 165) return "alpha number 165 of many"
    return "165 is not below " + x
}
function f166(x: number) {
    if (x > 166) return "beta number 166 of many"
    return "166 is not below " + x
}
function f167(x: number) {
    if (x > 167) return "gamma number 167 of many"
    return "167 is not below " + x
}
function f168(x: number) {
    if (x > 168) return "delta number 168 of many"
    return "168 is not below " + x
}
function f169(x: number) {
    if (x > 169) return "epsilon number 169 of many"
    return "169 is not below " + x
}
function f170(x: number) {
    if (x > 170) return "alpha number 170 of many"
    return "170 is not below " + x
}
function f171(x: number) {
    if (x > 171) return "beta number 171 of many"
    return "171 is not below " + x
}
function f172(x: number) {
    if (x > 172) return "gamma number 172 of many"
    return "172 is not below " + x
}
function f173(x: number) {
    if (x > 173) return "delta number 173 of many"
    return "173 is not below " + x
}
function f174(x: number) {
    if (x > 174) return "epsilon number 174 of many"
    return "174 is not below " + x
}
function f175(x: number) {
    if (x > 175) return "alpha number 175 of many"
    return "175 is not below " + x
}
function f176(x: number) {
    if (x > 176) return "beta number 176 of many"
    return "176 is not below " + x
}
function f177(x: number) {
    if (x > 177) return "gamma number 177 of many"
    return "177 is not below " + x
}
function f178(x: number) {
    if (x > 178) return "delta number 178 of many"
    return "178 is not below " + x
}
function f179(x: number) {
    if (x > 179) return "epsilon number 179 of many"
    return "179 is not below " + x
}
function f180(x: number) {
    if (x > 180) return "alpha number 180 of many"
    return "180 is not below " + x
}
function f181(x: number) {
    if (x > 181) return "beta number 181 of many"
    return "181 is not below " + x
}
function f182(x: number) {
    if (x > 182) return "gamma number 182 of many"
    return "182 is not below " + x
}
function f183(x: number) {
    if (x > 183) return "delta number 183 of many"
    return "183 is not below " + x
}
function f184(x: number) {
    if (x > 184) return "epsilon number 184 of many"
    return "184 is not below " + x
}
function f185(x: number) {
    if (x > 185) return "alpha number 185 of many"
    return "185 is not below " + x
}
function f186(x: number) {
    if (x > 186) return "beta number 186 of many"
    return "186 is not below " + x
}
function f187(x: number) {
    if (x > 187) return "gamma number 187 of many"
    return "187 is not below " + x
}
function f188(x: number) {
    if (x > 188) return "delta number 188 of many"
    return "188 is not below " + x
}
function f189(x: number) {
    if (x > 189) return "epsilon number 189 of many"
    return "189 is not below " + x
}
function f190(x: number) {
    if (x > 190) return "alpha number 190 of many"
    return "190 is not below " + x
}
function f191(x: number) {
    if (x > 191) return "beta number 191 of many"
    return "191 is not below " + x
}
function f192(x: number) {
    if (x > 192) return "gamma number 192 of many"
    return "192 is not below " + x
}
function f193(x: number) {
    if (x > 193) return "delta number 193 of many"
    return "193 is not below " + x
}
function f194(x: number) {
    if (x > 194) return "epsilon number 194 of many"
    return "194 is not below " + x
}
function f195(x: number) {
    if (x > 195) return "alpha number 195 of many"
    return "195 is not below " + x
}
function f196(x: number) {
    if (x > 196) return "beta number 196 of many"
    return "196 is not below " + x
}
function f197(x: number) {
    if (x > 197) return "gamma number 197 of many"
    return "197 is not below " + x
}
function f198(x: number) {
    if (x > 198) return "delta number 198 of many"
    return "198 is not below " + x
}
function f199(x: number) {
    if (x > 199) return "epsilon number 199 of many"
    return "199 is not below " + x
}
function f200(x: number) {
    if (x > 200) return "alpha number 200 of many"
    return "200 is not below " + x
}
function f201(x: number) {
    if (x > 201) return "beta number 201 of many"
    return "201 is not below " + x
}
function f202(x: number) {
    if (x > 202) return "gamma number 202 of many"
    return "202 is not below " + x
}
function f203(x: number) {
    if (x > 203) return "delta number 203 of many"
    return "203 is not below " + x
}
function f204(x: number) {
    if (x > 204) return "epsilon number 204 of many"
    return "204 is not below " + x
}
function f205(x: number) {
    if (x > 205) return "alpha number 205 of many"
    return "205 is not below " + x
}
function f206(x: number) {
    if (x > 206) return "beta number 206 of many"
    return "206 is not below " + x
}
function f207(x: number) {
    if (x > 207) return "gamma number 207 of many"
    return "207 is not below " + x
}
function f208(x: number) {
    if (x > 208) return "delta number 208 of many"
    return "208 is not below " + x
}
function f209(x: number) {
    if (x > 209) return "epsilon number 209 of many"
    return "209 is not below " + x
}
function f210(x: number) {
    if (x > 210) return "alpha number 210 of many"
    return "210 is not below " + x
}
function f211(x: number) {
    if (x > 211) return "beta number 211 of many"
    return "211 is not below " + x
}
function f212(x: number) {
    if (x > 212) return "gamma number 212 of many"
    return "212 is not below " + x
}
function f213(x: number) {
    if (x > 213) return "delta number 213 of many"
    return "213 is not below " + x
}
function f214(x: number) {
    if (x > 214) return "epsilon number 214 of many"
    return "214 is not below " + x
}
function f215(x: number) {
    if (x > 215) return "alpha number 215 of many"
    return "215 is not below " + x
}
function f216(x: number) {
    if (x > 216) return "beta number 216 of many"
    return "216 is not below " + x
}
function f217(x: number) {
    if (x > 217) return "gamma number 217 of many"
    return "217 is not below " + x
}
function f218(x: number) {
    if (x > 218) return "delta number 218 of many"
    return "218 is not below " + x
}
function f219(x: number) {
    if (x > 219) return "epsilon number 219 of many"
    return "219 is not below " + x
}
function f220(x: number) {
    if (x > 220) return "alpha number 220 of many"
    return "220 is not below " + x
}
function f221(x: number) {
    if (x > 221) return "beta number 221 of many"
    return "221 is not below " + x
}
function f222(x: number) {
    if (x > 222) return "gamma number 222 of many"
    return "222 is not below " + x
}
function f223(x: number) {
    if (x > 223) return "delta number 223 of many"
    return "223 is not below " + x
}
function f224(x: number) {
    if (x > 224) return "epsilon number 224 of many"
    return "224 is not below " + x
}
function f225(x: number) {
    if (x > 225) return "alpha number 225 of many"
    return "225 is not below " + x
}
function f226(x: number) {
    if (x > 226) return "beta number 226 of many"
    return "226 is not below " + x
}
function f227(x: number) {
    if (x > 227) return "gamma number 227 of many"
    return "227 is not below " + x
}
function f228(x: number) {
    if (x > 228) return "delta number 228 of many"
    return "228 is not below " + x
}
function f229(x: number) {
    if (x > 229) return "epsilon number 229 of many"
    return "229 is not below " + x
}
function f230(x: number) {
    if (x > 230) return "alpha number 230 of many"
    return "230 is not below " + x
}
function f231(x: number) {
    if (x > 231) return "beta number 231 of many"
    return "231 is not below " + x
}
function f232(x: number) {
    if (x > 232) return "gamma number 232 of many"
    return "232 is not below " + x
}
function f233(x: number) {
    if (x > 233) return "delta number 233 of many"
    return "233 is not below " + x
}
function f234(x: number) {
    if (x > 234) return "epsilon number 234 of many"
    return "234 is not below " + x
}
function f235(x: number) {
    if (x > 235) return "alpha number 235 of many"
    return "235 is not below " + x
}
function f236(x: number) {
    if (x > 236) return "beta number 236 of many"
    return "236 is not below " + x
}
function f237(x: number) {
    if (x > 237) return "gamma number 237 of many"
    return "237 is not below " + x
}
function f238(x: number) {
    if (x > 238) return "delta number 238 of many"
    return "238 is not below " + x
}
function f239(x: number) {
    if (x > 239) return "epsilon number 239 of many"
    return "239 is not below " + x
}
function f240(x: number) {
    if (x > 240) return "alpha number 240 of many"
    return "240 is not below " + x
}
function f241(x: number) {
    if (x > 241) return "beta number 241 of many"
    return "241 is not below " + x
}
function f242(x: number) {
    if (x > 242) return "gamma number 242 of many"
    return "242 is not below " + x
}
function f243(x: number) {
    if (x > 243) return "delta number 243 of many"
    return "243 is not below " + x
}
function f244(x: number) {
    if (x > 244) return "epsilon number 244 of many"
    return "244 is not below " + x
}
function f245(x: number) {
    if (x > 245) return "alpha number 245 of many"
    return "245 is not below " + x
}
function f246(x: number) {
    if (x > 246) return "beta number 246 of many"
    return "246 is not below " + x
}
function f247(x: number) {
    if (x > 247) return "gamma number 247 of many"
    return "247 is not below " + x
}
function f248(x: number) {
    if (x > 248) return "delta number 248 of many"
    return "248 is not below " + x
}
function f249(x: number) {
    if (x > 249) return "epsilon number 249 of many"
    return "249 is not below " + x
}
function f250(x: number) {
    if (x > 250) return "alpha number 250 of many"
    return "250 is not below " + x
}
function f251(x: number) {
    if (x > 251) return "beta number 251 of many"
    return "251 is not below " + x
}
function f252(x: number) {
    if (x > 252) return "gamma number 252 of many"
    return "252 is not below " + x
}
function f253(x: number) {
    if (x > 253) return "delta number 253 of many"
    return "253 is not below " + x
}
function f254(x: number) {
    if (x > 254) return "epsilon number 254 of many"
    return "254 is not below " + x
}
function f255(x: number) {
    if (x > 255) return "alpha number 255 of many"
    return "255 is not below " + x
}
function f256(x: number) {
    if (x > 256) return "beta number 256 of many"
    return "256 is not below " + x
}
function f257(x: number) {
    if (x > 257) return "gamma number 257 of many"
    return "257 is not below " + x
}
function f258(x: number) {
    if (x > 258) return "delta number 258 of many"
    return "258 is not below " + x
}
function f259(x: number) {
    if (x > 259) return "epsilon number 259 of many"
    return "259 is not below " + x
}
function f260(x: number) {
    if (x > 260) return "alpha number 260 of many"
    return "260 is not below " + x
}
function f261(x: number) {
    if (x > 261) return "beta number 261 of many"
    return "261 is not below " + x
}
function f262(x: number) {
    if (x > 262) return "gamma number 262 of many"
    return "262 is not below " + x
}
function f263(x: number) {
    if (x > 263) return "delta number 263 of many"
    return "263 is not below " + x
}
function f264(x: number) {
    if (x > 264) return "epsilon number 264 of many"
    return "264 is not below " + x
}
function f265(x: number) {
    if (x > 265) return "alpha number 265 of many"
    return "265 is not below " + x
}
function f266(x: number) {
    if (x > 266) return "beta number 266 of many"
    return "266 is not below " + x
}
function f267(x: number) {
    if (x > 267) return "gamma number 267 of many"
    return "267 is not below " + x
}
function f268(x: number) {
    if (x > 268) return "delta number 268 of many"
    return "268 is not below " + x
}
function f269(x: number) {
    if (x > 269) return "epsilon number 269 of many"
    return "269 is not below " + x
}
function f270(x: number) {
    if (x > 270) return "alpha number 270 of many"
    return "270 is not below " + x
}
function f271(x: number) {
    if (x > 271) return "beta number 271 of many"
    return "271 is not below " + x
}
function f272(x: number) {
    if (x > 272) return "gamma number 272 of many"
    return "272 is not below " + x
}
function f273(x: number) {
    if (x > 273) return "delta number 273 of many"
    return "273 is not below " + x
}
function f274(x: number) {
    if (x > 274) return "epsilon number 274 of many"
    return "274 is not below " + x
}
function f275(x: number) {
    if (x > 275) return "alpha number 275 of many"
    return "275 is not below " + x
}
function f276(x: number) {
    if (x > 276) return "beta number 276 of many"
    return "276 is not below " + x
}
function f277(x: number) {
    if (x > 277) return "gamma number 277 of many"
    return "277 is not below " + x
}
function f278(x: number) {
    if (x > 278) return "delta number 278 of many"
    return "278 is not below " + x
}
function f279(x: number) {
    if (x > 279) return "epsilon number 279 of many"
    return "279 is not below " + x
}
function f280(x: number) {
    if (x > 280) return "alpha number 280 of many"
    return "280 is not below " + x
}
function f281(x: number) {
    if (x > 281) return "beta number 281 of many"
    return "281 is not below " + x
}
function f282(x: number) {
    if (x > 282) return "gamma number 282 of many"
    return "282 is not below " + x
}
function f283(x: number) {
    if (x > 283) return "delta number 283 of many"
    return "283 is not below " + x
}
function f284(x: number) {
    if (x > 284) return "epsilon number 284 of many"
    return "284 is not below " + x
}
function f285(x: number) {
    if (x > 285) return "alpha number 285 of many"
    return "285 is not below " + x
}
function f286(x: number) {
    if (x > 286) return "beta number 286 of many"
    return "286 is not below " + x
}
function f287(x: number) {
    if (x > 287) return "gamma number 287 of many"
    return "287 is not below " + x
}
function f288(x: number) {
    if (x > 288) return "delta number 288 of many"
    return "288 is not below " + x
}
function f289(x: number) {
    if (x > 289) return "epsilon number 289 of many"
    return "289 is not below " + x
}
function f290(x: number) {
    if (x > 290) return "alpha number 290 of many"
    return "290 is not below " + x
}
function f291(x: number) {
    if (x > 291) return "beta number 291 of many"
    return "291 is not below " + x
}
function f292(x: number) {
    if (x > 292) return "gamma number 292 of many"
    return "292 is not below " + x
}
function f293(x: number) {
    if (x > 293) return "delta number 293 of many"
    return "293 is not below " + x
}
function f294(x: number) {
    if (x > 294) return "epsilon number 294 of many"
    return "294 is not below " + x
}
function f295(x: number) {
    if (x > 295) return "alpha number 295 of many"
    return "295 is not below " + x
}
function f296(x: number) {
    if (x > 296) return "beta number 296 of many"
    return "296 is not below " + x
}
function f297(x: number) {
    if (x > 297) return "gamma number 297 of many"
    return "297 is not below " + x
}
function f298(x: number) {
    if (x > 298) return "delta number 298 of many"
    return "298 is not below " + x
}
function f299(x: number) {
    if (x > 299) return "epsilon number 299 of many"
    return "299 is not below " + x
}
function f300(x: number) {
    if (x > 300) return "alpha number 300 of many"
    return "300 is not below " + x
}
function f301(x: number) {
    if (x > 301) return "beta number 301 of many"
    return "301 is not below " + x
}
function f302(x: number) {
    if (x > 302) return "gamma number 302 of many"
    return "302 is not below " + x
}
function f303(x: number) {
    if (x > 303) return "delta number 303 of many"
    return "303 is not below " + x
}
function f304(x: number) {
    if (x > 304) return "epsilon number 304 of many"
    return "304 is not below " + x
}
function f305(x: number) {
    if (x > 305) return "alpha number 305 of many"
    return "305 is not below " + x
}
function f306(x: number) {
    if (x > 306) return "beta number 306 of many"
    return "306 is not below " + x
}
function f307(x: number) {
    if (x > 307) return "gamma number 307 of many"
    return "307 is not below " + x
}
function f308(x: number) {
    if (x > 308) return "delta number 308 of many"
    return "308 is not below " + x
}
function f309(x: number) {
    if (x > 309) return "epsilon number 309 of many"
    return "309 is not below " + x
}
function f310(x: number) {
    if (x > 310) return "alpha number 310 of many"
    return "310 is not below " + x
}
function f311(x: number) {
    if (x > 311) return "beta number 311 of many"
    return "311 is not below " + x
}
function f312(x: number) {
    if (x > 312) return "gamma number 312 of many"
    return "312 is not below " + x
}
function f313(x: number) {
    if (x > 313) return "delta number 313 of many"
    return "313 is not below " + x
}
function f314(x: number) {
    if (x > 314) return "epsilon number 314 of many"
    return "314 is not below " + x
}
function f315(x: number) {
    if (x > 315) return "alpha number 315 of many"
    return "315 is not below " + x
}
function f316(x: number) {
    if (x > 316) return "beta number 316 of many"
    return "316 is not below " + x
}
function f317(x: number) {
    if (x > 317) return "gamma number 317 of many"
    return "317 is not below " + x
}
function f318(x: number) {
    if (x > 318) return "delta number 318 of many"
    return "318 is not below " + x
}
function f319(x: number) {
    if (x > 319) return "epsilon number 319 of many"
    return "319 is not below " + x
}
function f320(x: number) {
    if (x > 320) return "alpha number 320 of many"
    return "320 is not below " + x
}
function f321(x: number) {
    if (x > 321) return "beta number 321 of many"
    return "321 is not below " + x
}
function f322(x: number) {
    if (x > 322) return "gamma number 322 of many"
    return "322 is not below " + x
}
function f323(x: number) {
    if (x > 323) return "delta number 323 of many"
    return "323 is not below " + x
}
function f324(x: number) {
    if (x > 324) return "epsilon number 324 of many"
    return "324 is not below " + x
}
function f325(x: number) {
    if (x > 325) return "alpha number 325 of many"
    return "325 is not below " + x
}
function f326(x: number) {
    if (x > 326) return "beta number 326 of many"
    return "326 is not below " + x
}
function f327(x: number) {
    if (x > 327) return "gamma number 327 of many"
    return "327 is not below " + x
}
function f328(x: number) {
    if (x > 328) return "delta number 328 of many"
    return "328 is not below " + x
}
function f329(x: number) {
    if (x > 329) return "epsilon number 329 of many"
    return "329 is not below " + x
}
function f330(x: number) {
    if (x > 330) return "alpha number 330 of many"
    return "330 is not below " + x
}
function f331(x: number) {
    if (x > 331) return "beta number 331 of many"
    return "331 is not below " + x
}
function f332(x: number) {
    if (x > 332) return "gamma number 332 of many"
    return "332 is not below " + x
}
function f333(x: number) {
    if (x > 333) return "delta number 333 of many"
    return "333 is not below " + x
}
function f334(x: number) {
    if (x > 334) return "epsilon number 334 of many"
    return "334 is not below " + x
}
function f335(x: number) {
    if (x > 335) return "alpha number 335 of many"
    return "335 is not below " + x
}
function f336(x: number) {
    if (x > 336) return "beta number 336 of many"
    return "336 is not below " + x
}
function f337(x: number) {
    if (x > 337) return "gamma number 337 of many"
    return "337 is not below " + x
}
function f338(x: number) {
    if (x > 338) return "delta number 338 of many"
    return "338 is not below " + x
}
function f339(x: number) {
    if (x > 339) return "epsilon number 339 of many"
    return "339 is not below " + x
}
function f340(x: number) {
    if (x > 340) return "alpha number 340 of many"
    return "340 is not below " + x
}
function f341(x: number) {
    if (x > 341) return "beta number 341 of many"
    return "341 is not below " + x
}
function f342(x: number) {
    if (x > 342) return "gamma number 342 of many"
    return "342 is not below " + x
}
function f343(x: number) {
    if (x > 343) return "delta number 343 of many"
    return "343 is not below " + x
}
function f344(x: number) {
    if (x > 344) return "epsilon number 344 of many"
    return "344 is not below " + x
}
function f345(x: number) {
    if (x > 345) return "alpha number 345 of many"
    return "345 is not below " + x
}
function f346(x: number) {
    if (x > 346) return "beta number 346 of many"
    return "346 is not below " + x
}
function f347(x: number) {
    if (x > 347) return "gamma number 347 of many"
    return "347 is not below " + x
}
function f348(x: number) {
    if (x > 348) return "delta number 348 of many"
    return "348 is not below " + x
}
function f349(x: number) {
    if (x > 349) return "epsilon number 349 of many"
    return "349 is not below " + x
}
function f350(x: number) {
    if (x > 350) return "alpha number 350 of many"
    return "350 is not below " + x
}
function f351(x: number) {
    if (x > 351) return "beta number 351 of many"
    return "351 is not below " + x
}
function f352(x: number) {
    if (x > 352) return "gamma number 352 of many"
    return "352 is not below " + x
}
function f353(x: number) {
    if (x > 353) return "delta number 353 of many"
    return "353 is not below " + x
}
function f354(x: number) {
    if (x > 354) return "epsilon number 354 of many"
    return "354 is not below " + x
}
function f355(x: number) {
    if (x > 355) return "alpha number 355 of many"
    return "355 is not below " + x
}
function f356(x: number) {
    if (x > 356) return "beta number 356 of many"
    return "356 is not below " + x
}
function f357(x: number) {
    if (x > 357) return "gamma number 357 of many"
    return "357 is not below " + x
}
function f358(x: number) {
    if (x > 358) return "delta number 358 of many"
    return "358 is not below " + x
}
function f359(x: number) {
    if (x > 359) return "epsilon number 359 of many"
    return "359 is not below " + x
}
function f360(x: number) {
    if (x > 360) return "alpha number 360 of many"
    return "360 is not below " + x
}
function f361(x: number) {
    if (x > 361) return "beta number 361 of many"
    return "361 is not below " + x
}
function f362(x: number) {
    if (x > 362) return "gamma number 362 of many"
    return "362 is not below " + x
}
function f363(x: number) {
    if (x > 363) return "delta number 363 of many"
    return "363 is not below " + x
}
function f364(x: number) {
    if (x > 364) return "epsilon number 364 of many"
    return "364 is not below " + x
}
function f365(x: number) {
    if (x > 365) return "alpha number 365 of many"
    return "365 is not below " + x
}
function f366(x: number) {
    if (x > 366) return "beta number 366 of many"
    return "366 is not below " + x
}
function f367(x: number) {
    if (x > 367) return "gamma number 367 of many"
    return "367 is not below " + x
}
function f368(x: number) {
    if (x > 368) return "delta number 368 of many"
    return "368 is not below " + x
}
function f369(x: number) {
    if (x > 369) return "epsilon number 369 of many"
    return "369 is not below " + x
}
function f370(x: number) {
    if (x > 370) return "alpha number 370 of many"
    return "370 is not below " + x
}
function f371(x: number) {
    if (x > 371) return "beta number 371 of many"
    return "371 is not below " + x
}
function f372(x: number) {
    if (x > 372) return "gamma number 372 of many"
    return "372 is not below " + x
}
function f373(x: number) {
    if (x > 373) return "delta number 373 of many"
    return "373 is not below " + x
}
function f374(x: number) {
    if (x > 374) return "epsilon number 374 of many"
    return "374 is not below " + x
}
function f375(x: number) {
    if (x > 375) return "alpha number 375 of many"
    return "375 is not below " + x
}
function f376(x: number) {
    if (x > 376) return "beta number 376 of many"
    return "376 is not below " + x
}
function f377(x: number) {
    if (x > 377) return "gamma number 377 of many"
    return "377 is not below " + x
}
function f378(x: number) {
    if (x > 378) return "delta number 378 of many"
    return "378 is not below " + x
}
function f379(x: number) {
    if (x > 379) return "epsilon number 379 of many"
    return "379 is not below " + x
}
function f380(x: number) {
    if (x > 380) return "alpha number 380 of many"
    return "380 is not below " + x
}
function f381(x: number) {
    if (x > 381) return "beta number 381 of many"
    return "381 is not below " + x
}
function f382(x: number) {
    if (x > 382) return "gamma number 382 of many"
    return "382 is not below " + x
}
function f383(x: number) {
    if (x > 383) return "delta number 383 of many"
    return "383 is not below " + x
}
function f384(x: number) {
    if (x > 384) return "epsilon number 384 of many"
    return "384 is not below " + x
}
function f385(x: number) {
    if (x > 385) return "alpha number 385 of many"
    return "385 is not below " + x
}
function f386(x: number) {
    if (x > 386) return "beta number 386 of many"
    return "386 is not below " + x
}
function f387(x: number) {
    if (x > 387) return "gamma number 387 of many"
    return "387 is not below " + x
}
function f388(x: number) {
    if (x > 388) return "delta number 388 of many"
    return "388 is not below " + x
}
function f389(x: number) {
    if (x > 389) return "epsilon number 389 of many"
    return "389 is not below " + x
}
function f390(x: number) {
    if (x > 390) return "alpha number 390 of many"
    return "390 is not below " + x
}
function f391(x: number) {
    if (x > 391) return "beta number 391 of many"
    return "391 is not below " + x
}
function f392(x: number) {
    if (x > 392) return "gamma number 392 of many"
    return "392 is not below " + x
}
function f393(x: number) {
    if (x > 393) return "delta number 393 of many"
    return "393 is not below " + x
}
function f394(x: number) {
    if (x > 394) return "epsilon number 394 of many"
    return "394 is not below " + x
}
function f395(x: number) {
    if (x > 395) return "alpha number 395 of many"
    return "395 is not below " + x
}
function f396(x: number) {
    if (x > 396) return "beta number 396 of many"
    return "396 is not below " + x
}
function f397(x: number) {
    if (x > 397) return "gamma number 397 of many"
    return "397 is not below " + x
}
function f398(x: number) {
    if (x > 398) return "delta number 398 of many"
    return "398 is not below " + x
}
function f399(x: number) {
    if (x > 399) return "epsilon number 399 of many"
    return "399 is not below " + x
}
function f400(x: number) {
    if (x > 400) return "alpha number 400 of many"
    return "400 is not below " + x
}
function f401(x: number) {
    if (x > 401) return "beta number 401 of many"
    return "401 is not below " + x
}
function f402(x: number) {
    if (x > 402) return "gamma number 402 of many"
    return "402 is not below " + x
}
function f403(x: number) {
    if (x > 403) return "delta number 403 of many"
    return "403 is not below " + x
}
function f404(x: number) {
    if (x > 404) return "epsilon number 404 of many"
    return "404 is not below " + x
}
function f405(x: number) {
    if (x > 405) return "alpha number 405 of many"
    return "405 is not below " + x
}
function f406(x: number) {
    if (x > 406) return "beta number 406 of many"
    return "406 is not below " + x
}
function f407(x: number) {
    if (x > 407) return "gamma number 407 of many"
    return "407 is not below " + x
}
function f408(x: number) {
    if (x > 408) return "delta number 408 of many"
    return "408 is not below " + x
}
function f409(x: number) {
    if (x > 409) return "epsilon number 409 of many"
    return "409 is not below " + x
}
function f410(x: number) {
    if (x > 410) return "alpha number 410 of many"
    return "410 is not below " + x
}
function f411(x: number) {
    if (x > 411) return "beta number 411 of many"
    return "411 is not below " + x
}
function f412(x: number) {
    if (x > 412) return "gamma number 412 of many"
    return "412 is not below " + x
}
function f413(x: number) {
    if (x > 413) return "delta number 413 of many"
    return "413 is not below " + x
}
function f414(x: number) {
    if (x > 414) return "epsilon number 414 of many"
    return "414 is not below " + x
}
function f415(x: number) {
    if (x > 415) return "alpha number 415 of many"
    return "415 is not below " + x
}
function f416(x: number) {
    if (x > 416) return "beta number 416 of many"
    return "416 is not below " + x
}
function f417(x: number) {
    if (x > 417) return "gamma number 417 of many"
    return "417 is not below " + x
}
function f418(x: number) {
    if (x > 418) return "delta number 418 of many"
    return "418 is not below " + x
}
function f419(x: number) {
    if (x > 419) return "epsilon number 419 of many"
    return "419 is not below " + x
}
function f420(x: number) {
    if (x > 420) return "alpha number 420 of many"
    return "420 is not below " + x
}
function f421(x: number) {
    if (x > 421) return "beta number 421 of many"
    return "421 is not below " + x
}
function f422(x: number) {
    if (x > 422) return "gamma number 422 of many"
    return "422 is not below " + x
}
function f423(x: number) {
    if (x > 423) return "delta number 423 of many"
    return "423 is not below " + x
}
function f424(x: number) {
    if (x > 424) return "epsilon number 424 of many"
    return "424 is not below " + x
}
function f425(x: number) {
    if (x > 425) return "alpha number 425 of many"
    return "425 is not below " + x
}
function f426(x: number) {
    if (x > 426) return "beta number 426 of many"
    return "426 is not below " + x
}
function f427(x: number) {
    if (x > 427) return "gamma number 427 of many"
    return "427 is not below " + x
}
function f428(x: number) {
    if (x > 428) return "delta number 428 of many"
    return "428 is not below " + x
}
function f429(x: number) {
    if (x > 429) return "epsilon number 429 of many"
    return "429 is not below " + x
}
function f430(x: number) {
    if (x > 430) return "alpha number 430 of many"
    return "430 is not below " + x
}
function f431(x: number) {
    if (x > 431) return "beta number 431 of many"
    return "431 is not below " + x
}
function f432(x: number) {
    if (x > 432) return "gamma number 432 of many"
    return "432 is not below " + x
}
function f433(x: number) {
    if (x > 433) return "delta number 433 of many"
    return "433 is not below " + x
}
function f434(x: number) {
    if (x > 434) return "epsilon number 434 of many"
    return "434 is not below " + x
}
function f435(x: number) {
    if (x > 435) return "alpha number 435 of many"
    return "435 is not below " + x
}
function f436(x: number) {
    if (x > 436) return "beta number 436 of many"
    return "436 is not below " + x
}
function f437(x: number) {
    if (x > 437) return "gamma number 437 of many"
    return "437 is not below " + x
}
function f438(x: number) {
    if (x > 438) return "delta number 438 of many"
    return "438 is not below " + x
}
function f439(x: number) {
    if (x > 439) return "epsilon number 439 of many"
    return "439 is not below " + x
}
function f440(x: number) {
    if (x > 440) return "alpha number 440 of many"
    return "440 is not below " + x
}
function f441(x: number) {
    if (x > 441) return "beta number 441 of many"
    return "441 is not below " + x
}
function f442(x: number) {
    if (x > 442) return "gamma number 442 of many"
    return "442 is not below " + x
}
function f443(x: number) {
    if (x > 443) return "delta number 443 of many"
    return "443 is not below " + x
}
function f444(x: number) {
    if (x > 444) return "epsilon number 444 of many"
    return "444 is not below " + x
}
function f445(x: number) {
    if (x > 445) return "alpha number 445 of many"
    return "445 is not below " + x
}
function f446(x: number) {
    if (x > 446) return "beta number 446 of many"
    return "446 is not below " + x
}
function f447(x: number) {
    if (x > 447) return "gamma number 447 of many"
    return "447 is not below " + x
}
function f448(x: number) {
    if (x > 448) return "delta number 448 of many"
    return "448 is not below " + x
}
function f449(x: number) {
    if (x > 449) return "epsilon number 449 of many"
    return "449 is not below " + x
}
function f450(x: number) {
    if (x > 450) return "alpha number 450 of many"
    return "450 is not below " + x
}
function f451(x: number) {
    if (x > 451) return "beta number 451 of many"
    return "451 is not below " + x
}
function f452(x: number) {
    if (x > 452) return "gamma number 452 of many"
    return "452 is not below " + x
}
function f453(x: number) {
    if (x > 453) return "delta number 453 of many"
    return "453 is not below " + x
}
function f454(x: number) {
    if (x > 454) return "epsilon number 454 of many"
    return "454 is not below " + x
}
function f455(x: number) {
    if (x > 455) return "alpha number 455 of many"
    return "455 is not below " + x
}
function f456(x: number) {
    if (x > 456) return "beta number 456 of many"
    return "456 is not below " + x
}
function f457(x: number) {
    if (x > 457) return "gamma number 457 of many"
    return "457 is not below " + x
}
function f458(x: number) {
    if (x > 458) return "delta number 458 of many"
    return "458 is not below " + x
}
function f459(x: number) {
    if (x > 459) return "epsilon number 459 of many"
    return "459 is not below " + x
}
function f460(x: number) {
    if (x > 460) return "alpha number 460 of many"
    return "460 is not below " + x
}
function f461(x: number) {
    if (x > 461) return "beta number 461 of many"
    return "461 is not below " + x
}
function f462(x: number) {
    if (x > 462) return "gamma number 462 of many"
    return "462 is not below " + x
}
function f463(x: number) {
    if (x > 463) return "delta number 463 of many"
    return "463 is not below " + x
}
function f464(x: number) {
    if (x > 464) return "epsilon number 464 of many"
    return "464 is not below " + x
}
function f465(x: number) {
    if (x > 465) return "alpha number 465 of many"
    return "465 is not below " + x
}
function f466(x: number) {
    if (x > 466) return "beta number 466 of many"
    return "466 is not below " + x
}
function f467(x: number) {
    if (x > 467) return "gamma number 467 of many"
    return "467 is not below " + x
}
function f468(x: number) {
    if (x > 468) return "delta number 468 of many"
    return "468 is not below " + x
}
function f469(x: number) {
    if (x > 469) return "epsilon number 469 of many"
    return "469 is not below " + x
}
function f470(x: number) {
    if (x > 470) return "alpha number 470 of many"
    return "470 is not below " + x
}
function f471(x: number) {
    if (x > 471) return "beta number 471 of many"
    return "471 is not below " + x
}
function f472(x: number) {
    if (x > 472) return "gamma number 472 of many"
    return "472 is not below " + x
}
function f473(x: number) {
    if (x > 473) return "delta number 473 of many"
    return "473 is not below " + x
}
function f474(x: number) {
    if (x > 474) return "epsilon number 474 of many"
    return "474 is not below " + x
}
function f475(x: number) {
    if (x > 475) return "alpha number 475 of many"
    return "475 is not below " + x
}
function f476(x: number) {
    if (x > 476) return "beta number 476 of many"
    return "476 is not below " + x
}
function f477(x: number) {
    if (x > 477) return "gamma number 477 of many"
    return "477 is not below " + x
}
function f478(x: number) {
    if (x > 478) return "delta number 478 of many"
    return "478 is not below " + x
}
function f479(x: number) {
    if (x > 479) return "epsilon number 479 of many"
    return "479 is not below " + x
}
function f480(x: number) {
    if (x > 480) return "alpha number 480 of many"
    return "480 is not below " + x
}
function f481(x: number) {
    if (x > 481) return "beta number 481 of many"
    return "481 is not below " + x
}
function f482(x: number) {
    if (x > 482) return "gamma number 482 of many"
    return "482 is not below " + x
}
function f483(x: number) {
    if (x > 483) return "delta number 483 of many"
    return "483 is not below " + x
}
function f484(x: number) {
    if (x > 484) return "epsilon number 484 of many"
    return "484 is not below " + x
}
function f485(x: number) {
    if (x > 485) return "alpha number 485 of many"
    return "485 is not below " + x
}
function f486(x: number) {
    if (x > 486) return "beta number 486 of many"
    return "486 is not below " + x
}
function f487(x: number) {
    if (x > 487) return "gamma number 487 of many"
    return "487 is not below " + x
}
function f488(x: number) {
    if (x > 488) return "delta number 488 of many"
    return "488 is not below " + x
}
function f489(x: number) {
    if (x > 489) return "epsilon number 489 of many"
    return "489 is not below " + x
}
function f490(x: number) {
    if (x > 490) return "alpha number 490 of many"
    return "490 is not below " + x
}
function f491(x: number) {
    if (x > 491) return "beta number 491 of many"
    return "491 is not below " + x
}
function f492(x: number) {
    if (x > 492) return "gamma number 492 of many"
    return "492 is not below " + x
}
function f493(x: number) {
    if (x > 493) return "delta number 493 of many"
    return "493 is not below " + x
}
function f494(x: number) {
    if (x > 494) return "epsilon number 494 of many"
    return "494 is not below " + x
}
function f495(x: number) {
    if (x > 495) return "alpha number 495 of many"
    return "495 is not below " + x
}
function f496(x: number) {
    if (x > 496) return "beta number 496 of many"
    return "496 is not below " + x
}
function f497(x: number) {
    if (x > 497) return "gamma number 497 of many"
    return "497 is not below " + x
}
function f498(x: number) {
    if (x > 498) return "delta number 498 of many"
    return "498 is not below " + x
}
function f499(x: number) {
    if (x > 499) return "epsilon number 499 of many"
    return "499 is not below " + x
}
function f500(x: number) {
    if (x > 500) return "alpha number 500 of many"
    return "500 is not below " + x
}
function f501(x: number) {
    if (x > 501) return "beta number 501 of many"
    return "501 is not below " + x
}
function f502(x: number) {
    if (x > 502) return "gamma number 502 of many"
    return "502 is not below " + x
}
function f503(x: number) {
    if (x > 503) return "delta number 503 of many"
    return "503 is not below " + x
}
function f504(x: number) {
    if (x > 504) return "epsilon number 504 of many"
    return "504 is not below " + x
}
function f505(x: number) {
    if (x > 505) return "alpha number 505 of many"
    return "505 is not below " + x
}
function f506(x: number) {
    if (x > 506) return "beta number 506 of many"
    return "506 is not below " + x
}
function f507(x: number) {
    if (x > 507) return "gamma number 507 of many"
    return "507 is not below " + x
}
function f508(x: number) {
    if (x > 508) return "delta number 508 of many"
    return "508 is not below " + x
}
function f509(x: number) {
    if (x > 509) return "epsilon number 509 of many"
    return "509 is not below " + x
}
function f510(x: number) {
    if (x > 510) return "alpha number 510 of many"
    return "510 is not below " + x
}
function f511(x: number) {
    if (x > 511) return "beta number 511 of many"
    return "511 is not below " + x
}
function f512(x: number) {
    if (x > 512) return "gamma number 512 of many"
    return "512 is not below " + x
}
function f513(x: number) {
    if (x > 513) return "delta number 513 of many"
    return "513 is not below " + x
}
function f514(x: number) {
    if (x > 514) return "epsilon number 514 of many"
    return "514 is not below " + x
}
function f515(x: number) {
    if (x > 515) return "alpha number 515 of many"
    return "515 is not below " + x
}
function f516(x: number) {
    if (x > 516) return "beta number 516 of many"
    return "516 is not below " + x
}
function f517(x: number) {
    if (x > 517) return "gamma number 517 of many"
    return "517 is not below " + x
}
function f518(x: number) {
    if (x > 518) return "delta number 518 of many"
    return "518 is not below " + x
}
function f519(x: number) {
    if (x > 519) return "epsilon number 519 of many"
    return "519 is not below " + x
}
function f520(x: number) {
    if (x > 520) return "alpha number 520 of many"
    return "520 is not below " + x
}
function f521(x: number) {
    if (x > 521) return "beta number 521 of many"
    return "521 is not below " + x
}
function f522(x: number) {
    if (x > 522) return "gamma number 522 of many"
    return "522 is not below " + x
}
function f523(x: number) {
    if (x > 523) return "delta number 523 of many"
    return "523 is not below " + x
}
function f524(x: number) {
    if (x > 524) return "epsilon number 524 of many"
    return "524 is not below " + x
}
function f525(x: number) {
    if (x > 525) return "alpha number 525 of many"
    return "525 is not below " + x
}
function f526(x: number) {
    if (x > 526) return "beta number 526 of many"
    return "526 is not below " + x
}
function f527(x: number) {
    if (x > 527) return "gamma number 527 of many"
    return "527 is not below " + x
}
function f528(x: number) {
    if (x > 528) return "delta number 528 of many"
    return "528 is not below " + x
}
function f529(x: number) {
    if (x > 529) return "epsilon number 529 of many"
    return "529 is not below " + x
}
function f530(x: number) {
    if (x > 530) return "alpha number 530 of many"
    return "530 is not below " + x
}
function f531(x: number) {
    if (x > 531) return "beta number 531 of many"
    return "531 is not below " + x
}
function f532(x: number) {
    if (x > 532) return "gamma number 532 of many"
    return "532 is not below " + x
}
function f533(x: number) {
    if (x > 533) return "delta number 533 of many"
    return "533 is not below " + x
}
function f534(x: number) {
    if (x > 534) return "epsilon number 534 of many"
    return "534 is not below " + x
}
function f535(x: number) {
    if (x > 535) return "alpha number 535 of many"
    return "535 is not below " + x
}
function f536(x: number) {
    if (x > 536) return "beta number 536 of many"
    return "536 is not below " + x
}
function f537(x: number) {
    if (x > 537) return "gamma number 537 of many"
    return "537 is not below " + x
}
function f538(x: number) {
    if (x > 538) return "delta number 538 of many"
    return "538 is not below " + x
}
function f539(x: number) {
    if (x > 539) return "epsilon number 539 of many"
    return "539 is not below " + x
}
function f540(x: number) {
    if (x > 540) return "alpha number 540 of many"
    return "540 is not below " + x
}
function f541(x: number) {
    if (x > 541) return "beta number 541 of many"
    return "541 is not below " + x
}
function f542(x: number) {
    if (x > 542) return "gamma number 542 of many"
    return "542 is not below " + x
}
function f543(x: number) {
    if (x > 543) return "delta number 543 of many"
    return "543 is not below " + x
}
function f544(x: number) {
    if (x > 544) return "epsilon number 544 of many"
    return "544 is not below " + x
}
function f545(x: number) {
    if (x > 545) return "alpha number 545 of many"
    return "545 is not below " + x
}
function f546(x: number) {
    if (x > 546) return "beta number 546 of many"
    return "546 is not below " + x
}
function f547(x: number) {
    if (x > 547) return "gamma number 547 of many"
    return "547 is not below " + x
}
function f548(x: number) {
    if (x > 548) return "delta number 548 of many"
    return "548 is not below " + x
}
function f549(x: number) {
    if (x > 549) return "epsilon number 549 of many"
    return "549 is not below " + x
}
function f550(x: number) {
    if (x > 550) return "alpha number 550 of many"
    return "550 is not below " + x
}
function f551(x: number) {
    if (x > 551) return "beta number 551 of many"
    return "551 is not below " + x
}
function f552(x: number) {
    if (x > 552) return "gamma number 552 of many"
    return "552 is not below " + x
}
function f553(x: number) {
    if (x > 553) return "delta number 553 of many"
    return "553 is not below " + x
}
function f554(x: number) {
    if (x > 554) return "epsilon number 554 of many"
    return "554 is not below " + x
}
function f555(x: number) {
    if (x > 555) return "alpha number 555 of many"
    return "555 is not below " + x
}
function f556(x: number) {
    if (x > 556) return "beta number 556 of many"
    return "556 is not below " + x
}
function f557(x: number) {
    if (x > 557) return "gamma number 557 of many"
    return "557 is not below " + x
}
function f558(x: number) {
    if (x > 558) return "delta number 558 of many"
    return "558 is not below " + x
}
function f559(x: number) {
    if (x > 559) return "epsilon number 559 of many"
    return "559 is not below " + x
}
function f560(x: number) {
    if (x > 560) return "alpha number 560 of many"
    return "560 is not below " + x
}
function f561(x: number) {
    if (x > 561) return "beta number 561 of many"
    return "561 is not below " + x
}
function f562(x: number) {
    if (x > 562) return "gamma number 562 of many"
    return "562 is not below " + x
}
function f563(x: number) {
    if (x > 563) return "delta number 563 of many"
    return "563 is not below " + x
}
function f564(x: number) {
    if (x > 564) return "epsilon number 564 of many"
    return "564 is not below " + x
}
function f565(x: number) {
    if (x > 565) return "alpha number 565 of many"
    return "565 is not below " + x
}
function f566(x: number) {
    if (x > 566) return "beta number 566 of many"
    return "566 is not below " + x
}
function f567(x: number) {
    if (x > 567) return "gamma number 567 of many"
    return "567 is not below " + x
}
function f568(x: number) {
    if (x > 568) return "delta number 568 of many"
    return "568 is not below " + x
}
function f569(x: number) {
    if (x > 569) return "epsilon number 569 of many"
    return "569 is not below " + x
}
function f570(x: number) {
    if (x > 570) return "alpha number 570 of many"
    return "570 is not below " + x
}
function f571(x: number) {
    if (x > 571) return "beta number 571 of many"
    return "571 is not below " + x
}
function f572(x: number) {
    if (x > 572) return "gamma number 572 of many"
    return "572 is not below " + x
}
function f573(x: number) {
    if (x > 573) return "delta number 573 of many"
    return "573 is not below " + x
}
function f574(x: number) {
    if (x > 574) return "epsilon number 574 of many"
    return "574 is not below " + x
}
function f575(x: number) {
    if (x > 575) return "alpha number 575 of many"
    return "575 is not below " + x
}
function f576(x: number) {
    if (x > 576) return "beta number 576 of many"
    return "576 is not below " + x
}
function f577(x: number) {
    if (x > 577) return "gamma number 577 of many"
    return "577 is not below " + x
}
function f578(x: number) {
    if (x > 578) return "delta number 578 of many"
    return "578 is not below " + x
}
function f579(x: number) {
    if (x > 579) return "epsilon number 579 of many"
    return "579 is not below " + x
}
function f580(x: number) {
    if (x > 580) return "alpha number 580 of many"
    return "580 is not below " + x
}
function f581(x: number) {
    if (x > 581) return "beta number 581 of many"
    return "581 is not below " + x
}
function f582(x: number) {
    if (x > 582) return "gamma number 582 of many"
    return "582 is not below " + x
}
function f583(x: number) {
    if (x > 583) return "delta number 583 of many"
    return "583 is not below " + x
}
function f584(x: number) {
    if (x > 584) return "epsilon number 584 of many"
    return "584 is not below " + x
}
function f585(x: number) {
    if (x > 585) return "alpha number 585 of many"
    return "585 is not below " + x
}
function f586(x: number) {
    if (x > 586) return "beta number 586 of many"
    return "586 is not below " + x
}
function f587(x: number) {
    if (x > 587) return "gamma number 587 of many"
    return "587 is not below " + x
}
function f588(x: number) {
    if (x > 588) return "delta number 588 of many"
    return "588 is not below " + x
}
function f589(x: number) {
    if (x > 589) return "epsilon number 589 of many"
    return "589 is not below " + x
}
function f590(x: number) {
    if (x > 590) return "alpha number 590 of many"
    return "590 is not below " + x
}
function f591(x: number) {
    if (x > 591) return "beta number 591 of many"
    return "591 is not below " + x
}
function f592(x: number) {
    if (x > 592) return "gamma number 592 of many"
    return "592 is not below " + x
}
function f593(x: number) {
    if (x > 593) return "delta number 593 of many"
    return "593 is not below " + x
}
function f594(x: number) {
    if (x > 594) return "epsilon number 594 of many"
    return "594 is not below " + x
}
function f595(x: number) {
    if (x > 595) return "alpha number 595 of many"
    return "595 is not below " + x
}
function f596(x: number) {
    if (x > 596) return "beta number 596 of many"
    return "596 is not below " + x
}
function f597(x: number) {
    if (x > 597) return "gamma number 597 of many"
    return "597 is not below " + x
}
function f598(x: number) {
    if (x > 598) return "delta number 598 of many"
    return "598 is not below " + x
}
function f599(x: number) {
    if (x > 599) return "epsilon number 599 of many"
    return "599 is not below " + x
}
function f600(x: number) {
    if (x > 600) return "alpha number 600 of many"
    return "600 is not below " + x
}
function f601(x: number) {
    if (x > 601) return "beta number 601 of many"
    return "601 is not below " + x
}
function f602(x: number) {
    if (x > 602) return "gamma number 602 of many"
    return "602 is not below " + x
}
function f603(x: number) {
    if (x > 603) return "delta number 603 of many"
    return "603 is not below " + x
}
function f604(x: number) {
    if (x > 604) return "epsilon number 604 of many"
    return "604 is not below " + x
}
function f605(x: number) {
    if (x > 605) return "alpha number 605 of many"
    return "605 is not below " + x
}
function f606(x: number) {
    if (x > 606) return "beta number 606 of many"
    return "606 is not below " + x
}
function f607(x: number) {
    if (x > 607) return "gamma number 607 of many"
    return "607 is not below " + x
}
function f608(x: number) {
    if (x > 608) return "delta number 608 of many"
    return "608 is not below " + x
}
function f609(x: number) {
    if (x > 609) return "epsilon number 609 of many"
    return "609 is not below " + x
}
function f610(x: number) {
    if (x > 610) return "alpha number 610 of many"
    return "610 is not below " + x
}
function f611(x: number) {
    if (x > 611) return "beta number 611 of many"
    return "611 is not below " + x
}
function f612(x: number) {
    if (x > 612) return "gamma number 612 of many"
    return "612 is not below " + x
}
function f613(x: number) {
    if (x > 613) return "delta number 613 of many"
    return "613 is not below " + x
}
function f614(x: number) {
    if (x > 614) return "epsilon number 614 of many"
    return "614 is not below " + x
}
function f615(x: number) {
    if (x > 615) return "alpha number 615 of many"
    return "615 is not below " + x
}
function f616(x: number) {
    if (x > 616) return "beta number 616 of many"
    return "616 is not below " + x
}
function f617(x: number) {
    if (x > 617) return "gamma number 617 of many"
    return "617 is not below " + x
}
function f618(x: number) {
    if (x > 618) return "delta number 618 of many"
    return "618 is not below " + x
}
function f619(x: number) {
    if (x > 619) return "epsilon number 619 of many"
    return "619 is not below " + x
}
function f620(x: number) {
    if (x > 620) return "alpha number 620 of many"
    return "620 is not below " + x
}
function f621(x: number) {
    if (x > 621) return "beta number 621 of many"
    return "621 is not below " + x
}
function f622(x: number) {
    if (x > 622) return "gamma number 622 of many"
    return "622 is not below " + x
}
function f623(x: number) {
    if (x > 623) return "delta number 623 of many"
    return "623 is not below " + x
}
function f624(x: number) {
    if (x > 624) return "epsilon number 624 of many"
    return "624 is not below " + x
}
function f625(x: number) {
    if (x > 625) return "alpha number 625 of many"
    return "625 is not below " + x
}
function f626(x: number) {
    if (x > 626) return "beta number 626 of many"
    return "626 is not below " + x
}
function f627(x: number) {
    if (x > 627) return "gamma number 627 of many"
    return "627 is not below " + x
}
function f628(x: number) {
    if (x > 628) return "delta number 628 of many"
    return "628 is not below " + x
}
function f629(x: number) {
    if (x > 629) return "epsilon number 629 of many"
    return "629 is not below " + x
}
function f630(x: number) {
    if (x > 630) return "alpha number 630 of many"
    return "630 is not below " + x
}
function f631(x: number) {
    if (x > 631) return "beta number 631 of many"
    return "631 is not below " + x
}
function f632(x: number) {
    if (x > 632) return "gamma number 632 of many"
    return "632 is not below " + x
}
function f633(x: number) {
    if (x > 633) return "delta number 633 of many"
    return "633 is not below " + x
}
function f634(x: number) {
    if (x > 634) return "epsilon number 634 of many"
    return "634 is not below " + x
}
function f635(x: number) {
    if (x > 635) return "alpha number 635 of many"
    return "635 is not below " + x
}
function f636(x: number) {
    if (x > 636) return "beta number 636 of many"
    return "636 is not below " + x
}
function f637(x: number) {
    if (x > 637) return "gamma number 637 of many"
    return "637 is not below " + x
}
function f638(x: number) {
    if (x > 638) return "delta number 638 of many"
    return "638 is not below " + x
}
function f639(x: number) {
    if (x > 639) return "epsilon number 639 of many"
    return "639 is not below " + x
}
function f640(x: number) {
    if (x > 640) return "alpha number 640 of many"
    return "640 is not below " + x
}
function f641(x: number) {
    if (x > 641) return "beta number 641 of many"
    return "641 is not below " + x
}
function f642(x: number) {
    if (x > 642) return "gamma number 642 of many"
    return "642 is not below " + x
}
function f643(x: number) {
    if (x > 643) return "delta number 643 of many"
    return "643 is not below " + x
}
function f644(x: number) {
    if (x > 644) return "epsilon number 644 of many"
    return "644 is not below " + x
}
function f645(x: number) {
    if (x > 645) return "alpha number 645 of many"
    return "645 is not below " + x
}
function f646(x: number) {
    if (x > 646) return "beta number 646 of many"
    return "646 is not below " + x
}
function f647(x: number) {
    if (x > 647) return "gamma number 647 of many"
    return "647 is not below " + x
}
function f648(x: number) {
    if (x > 648) return "delta number 648 of many"
    return "648 is not below " + x
}
function f649(x: number) {
    if (x > 649) return "epsilon number 649 of many"
    return "649 is not below " + x
}
function f650(x: number) {
    if (x > 650) return "alpha number 650 of many"
    return "650 is not below " + x
}
function f651(x: number) {
    if (x > 651) return "beta number 651 of many"
    return "651 is not below " + x
}
function f652(x: number) {
    if (x > 652) return "gamma number 652 of many"
    return "652 is not below " + x
}
function f653(x: number) {
    if (x > 653) return "delta number 653 of many"
    return "653 is not below " + x
}
function f654(x: number) {
    if (x > 654) return "epsilon number 654 of many"
    return "654 is not below " + x
}
function f655(x: number) {
    if (x > 655) return "alpha number 655 of many"
    return "655 is not below " + x
}
function f656(x: number) {
    if (x > 656) return "beta number 656 of many"
    return "656 is not below " + x
}
function f657(x: number) {
    if (x > 657) return "gamma number 657 of many"
    return "657 is not below " + x
}
function f658(x: number) {
    if (x > 658) return "delta number 658 of many"
    return "658 is not below " + x
}
function f659(x: number) {
    if (x > 659) return "epsilon number 659 of many"
    return "659 is not below " + x
}
function f660(x: number) {
    if (x > 660) return "alpha number 660 of many"
    return "660 is not below " + x
}
function f661(x: number) {
    if (x > 661) return "beta number 661 of many"
    return "661 is not below " + x
}
function f662(x: number) {
    if (x > 662) return "gamma number 662 of many"
    return "662 is not below " + x
}
function f663(x: number) {
    if (x > 663) return "delta number 663 of many"
    return "663 is not below " + x
}
function f664(x: number) {
    if (x > 664) return "epsilon number 664 of many"
    return "664 is not below " + x
}
function f665(x: number) {
    if (x > 665) return "alpha number 665 of many"
    return "665 is not below " + x
}
function f666(x: number) {
    if (x > 666) return "beta number 666 of many"
    return "666 is not below " + x
}
function f667(x: number) {
    if (x > 667) return "gamma number 667 of many"
    return "667 is not below " + x
}
function f668(x: number) {
    if (x > 668) return "delta number 668 of many"
    return "668 is not below " + x
}
function f669(x: number) {
    if (x > 669) return "epsilon number 669 of many"
    return "669 is not below " + x
}
function f670(x: number) {
    if (x > 670) return "alpha number 670 of many"
    return "670 is not below " + x
}
function f671(x: number) {
    if (x > 671) return "beta number 671 of many"
    return "671 is not below " + x
}
function f672(x: number) {
    if (x > 672) return "gamma number 672 of many"
    return "672 is not below " + x
}
function f673(x: number) {
    if (x > 673) return "delta number 673 of many"
    return "673 is not below " + x
}
function f674(x: number) {
    if (x > 674) return "epsilon number 674 of many"
    return "674 is not below " + x
}
function f675(x: number) {
    if (x > 675) return "alpha number 675 of many"
    return "675 is not below " + x
}
function f676(x: number) {
    if (x > 676) return "beta number 676 of many"
    return "676 is not below " + x
}
function f677(x: number) {
    if (x > 677) return "gamma number 677 of many"
    return "677 is not below " + x
}
function f678(x: number) {
    if (x > 678) return "delta number 678 of many"
    return "678 is not below " + x
}
function f679(x: number) {
    if (x > 679) return "epsilon number 679 of many"
    return "679 is not below " + x
}
function f680(x: number) {
    if (x > 680) return "alpha number 680 of many"
    return "680 is not below " + x
}
function f681(x: number) {
    if (x > 681) return "beta number 681 of many"
    return "681 is not below " + x
}
function f682(x: number) {
    if (x > 682) return "gamma number 682 of many"
    return "682 is not below " + x
}
function f683(x: number) {
    if (x > 683) return "delta number 683 of many"
    return "683 is not below " + x
}
function f684(x: number) {
    if (x > 684) return "epsilon number 684 of many"
    return "684 is not below " + x
}
function f685(x: number) {
    if (x > 685) return "alpha number 685 of many"
    return "685 is not below " + x
}
function f686(x: number) {
    if (x > 686) return "beta number 686 of many"
    return "686 is not below " + x
}
function f687(x: number) {
    if (x > 687) return "gamma number 687 of many"
    return "687 is not below " + x
}
function f688(x: number) {
    if (x > 688) return "delta number 688 of many"
    return "688 is not below " + x
}
function f689(x: number) {
    if (x > 689) return "epsilon number 689 of many"
    return "689 is not below " + x
}
function f690(x: number) {
    if (x > 690) return "alpha number 690 of many"
    return "690 is not below " + x
}
function f691(x: number) {
    if (x > 691) return "beta number 691 of many"
    return "691 is not below " + x
}
function f692(x: number) {
    if (x > 692) return "gamma number 692 of many"
    return "692 is not below " + x
}
function f693(x: number) {
    if (x > 693) return "delta number 693 of many"
    return "693 is not below " + x
}
function f694(x: number) {
    if (x > 694) return "epsilon number 694 of many"
    return "694 is not below " + x
}
function f695(x: number) {
    if (x > 695) return "alpha number 695 of many"
    return "695 is not below " + x
}
function f696(x: number) {
    if (x > 696) return "beta number 696 of many"
    return "696 is not below " + x
}
function f697(x: number) {
    if (x > 697) return "gamma number 697 of many"
    return "697 is not below " + x
}
function f698(x: number) {
    if (x > 698) return "delta number 698 of many"
    return "698 is not below " + x
}
function f699(x: number) {
    if (x > 699) return "epsilon number 699 of many"
    return "699 is not below " + x
}
function f700(x: number) {
    if (x > 700) return "alpha number 700 of many"
    return "700 is not below " + x
}
function f701(x: number) {
    if (x > 701) return "beta number 701 of many"
    return "701 is not below " + x
}
function f702(x: number) {
    if (x > 702) return "gamma number 702 of many"
    return "702 is not below " + x
}
function f703(x: number) {
    if (x > 703) return "delta number 703 of many"
    return "703 is not below " + x
}
function f704(x: number) {
    if (x > 704) return "epsilon number 704 of many"
    return "704 is not below " + x
}
function f705(x: number) {
    if (x > 705) return "alpha number 705 of many"
    return "705 is not below " + x
}
function f706(x: number) {
    if (x > 706) return "beta number 706 of many"
    return "706 is not below " + x
}
function f707(x: number) {
    if (x > 707) return "gamma number 707 of many"
    return "707 is not below " + x
}
function f708(x: number) {
    if (x > 708) return "delta number 708 of many"
    return "708 is not below " + x
}
function f709(x: number) {
    if (x > 709) return "epsilon number 709 of many"
    return "709 is not below " + x
}
function f710(x: number) {
    if (x > 710) return "alpha number 710 of many"
    return "710 is not below " + x
}
function f711(x: number) {
    if (x > 711) return "beta number 711 of many"
    return "711 is not below " + x
}
function f712(x: number) {
    if (x > 712) return "gamma number 712 of many"
    return "712 is not below " + x
}
function f713(x: number) {
    if (x > 713) return "delta number 713 of many"
    return "713 is not below " + x
}
function f714(x: number) {
    if (x > 714) return "epsilon number 714 of many"
    return "714 is not below " + x
}
function f715(x: number) {
    if (x > 715) return "alpha number 715 of many"
    return "715 is not below " + x
}
function f716(x: number) {
    if (x > 716) return "beta number 716 of many"
    return "716 is not below " + x
}
function f717(x: number) {
    if (x > 717) return "gamma number 717 of many"
    return "717 is not below " + x
}
function f718(x: number) {
    if (x > 718) return "delta number 718 of many"
    return "718 is not below " + x
}
function f719(x: number) {
    if (x > 719) return "epsilon number 719 of many"
    return "719 is not below " + x
}
function f720(x: number) {
    if (x > 720) return "alpha number 720 of many"
    return "720 is not below " + x
}
function f721(x: number) {
    if (x > 721) return "beta number 721 of many"
    return "721 is not below " + x
}
function f722(x: number) {
    if (x > 722) return "gamma number 722 of many"
    return "722 is not below " + x
}
function f723(x: number) {
    if (x > 723) return "delta number 723 of many"
    return "723 is not below " + x
}
function f724(x: number) {
    if (x > 724) return "epsilon number 724 of many"
    return "724 is not below " + x
}
function f725(x: number) {
    if (x > 725) return "alpha number 725 of many"
    return "725 is not below " + x
}
function f726(x: number) {
    if (x > 726) return "beta number 726 of many"
    return "726 is not below " + x
}
function f727(x: number) {
    if (x > 727) return "gamma number 727 of many"
    return "727 is not below " + x
}
function f728(x: number) {
    if (x > 728) return "delta number 728 of many"
    return "728 is not below " + x
}
function f729(x: number) {
    if (x > 729) return "epsilon number 729 of many"
    return "729 is not below " + x
}
function f730(x: number) {
    if (x > 730) return "alpha number 730 of many"
    return "730 is not below " + x
}
function f731(x: number) {
    if (x > 731) return "beta number 731 of many"
    return "731 is not below " + x
}
function f732(x: number) {
    if (x > 732) return "gamma number 732 of many"
    return "732 is not below " + x
}
function f733(x: number) {
    if (x > 733) return "delta number 733 of many"
    return "733 is not below " + x
}
function f734(x: number) {
    if (x > 734) return "epsilon number 734 of many"
    return "734 is not below " + x
}
function f735(x: number) {
    if (x > 735) return "alpha number 735 of many"
    return "735 is not below " + x
}
function f736(x: number) {
    if (x > 736) return "beta number 736 of many"
    return "736 is not below " + x
}
function f737(x: number) {
    if (x > 737) return "gamma number 737 of many"
    return "737 is not below " + x
}
function f738(x: number) {
    if (x > 738) return "delta number 738 of many"
    return "738 is not below " + x
}
function f739(x: number) {
    if (x > 739) return "epsilon number 739 of many"
    return "739 is not below " + x
}
function f740(x: number) {
    if (x > 740) return "alpha number 740 of many"
    return "740 is not below " + x
}
function f741(x: number) {
    if (x > 741) return "beta number 741 of many"
    return "741 is not below " + x
}
function f742(x: number) {
    if (x > 742) return "gamma number 742 of many"
    return "742 is not below " + x
}
function f743(x: number) {
    if (x > 743) return "delta number 743 of many"
    return "743 is not below " + x
}
function f744(x: number) {
    if (x > 744) return "epsilon number 744 of many"
    return "744 is not below " + x
}
function f745(x: number) {
    if (x > 745) return "alpha number 745 of many"
    return "745 is not below " + x
}
function f746(x: number) {
    if (x > 746) return "beta number 746 of many"
    return "746 is not below " + x
}
function f747(x: number) {
    if (x > 747) return "gamma number 747 of many"
    return "747 is not below " + x
}
function f748(x: number) {
    if (x > 748) return "delta number 748 of many"
    return "748 is not below " + x
}
function f749(x: number) {
    if (x > 749) return "epsilon number 749 of many"
    return "749 is not below " + x
}
function f750(x: number) {
    if (x > 750) return "alpha number 750 of many"
    return "750 is not below " + x
}
function f751(x: number) {
    if (x > 751) return "beta number 751 of many"
    return "751 is not below " + x
}
function f752(x: number) {
    if (x > 752) return "gamma number 752 of many"
    return "752 is not below " + x
}
function f753(x: number) {
    if (x > 753) return "delta number 753 of many"
    return "753 is not below " + x
}
function f754(x: number) {
    if (x > 754) return "epsilon number 754 of many"
    return "754 is not below " + x
}
function f755(x: number) {
    if (x > 755) return "alpha number 755 of many"
    return "755 is not below " + x
}
function f756(x: number) {
    if (x > 756) return "beta number 756 of many"
    return "756 is not below " + x
}
function f757(x: number) {
    if (x > 757) return "gamma number 757 of many"
    return "757 is not below " + x
}
function f758(x: number) {
    if (x > 758) return "delta number 758 of many"
    return "758 is not below " + x
}
function f759(x: number) {
    if (x > 759) return "epsilon number 759 of many"
    return "759 is not below " + x
}
function f760(x: number) {
    if (x > 760) return "alpha number 760 of many"
    return "760 is not below " + x
}
function f761(x: number) {
    if (x > 761) return "beta number 761 of many"
    return "761 is not below " + x
}
function f762(x: number) {
    if (x > 762) return "gamma number 762 of many"
    return "762 is not below " + x
}
function f763(x: number) {
    if (x > 763) return "delta number 763 of many"
    return "763 is not below " + x
}
function f764(x: number) {
    if (x > 764) return "epsilon number 764 of many"
    return "764 is not below " + x
}
function f765(x: number) {
    if (x > 765) return "alpha number 765 of many"
    return "765 is not below " + x
}
function f766(x: number) {
    if (x > 766) return "beta number 766 of many"
    return "766 is not below " + x
}
function f767(x: number) {
    if (x > 767) return "gamma number 767 of many"
    return "767 is not below " + x
}
function f768(x: number) {
    if (x > 768) return "delta number 768 of many"
    return "768 is not below " + x
}
function f769(x: number) {
    if (x > 769) return "epsilon number 769 of many"
    return "769 is not below " + x
}
function f770(x: number) {
    if (x > 770) return "alpha number 770 of many"
    return "770 is not below " + x
}
function f771(x: number) {
    if (x > 771) return "beta number 771 of many"
    return "771 is not below " + x
}
function f772(x: number) {
    if (x > 772) return "gamma number 772 of many"
    return "772 is not below " + x
}
function f773(x: number) {
    if (x > 773) return "delta number 773 of many"
    return "773 is not below " + x
}
function f774(x: number) {
    if (x > 774) return "epsilon number 774 of many"
    return "774 is not below " + x
}
function f775(x: number) {
    if (x > 775) return "alpha number 775 of many"
    return "775 is not below " + x
}
function f776(x: number) {
    if (x > 776) return "beta number 776 of many"
    return "776 is not below " + x
}
function f777(x: number) {
    if (x > 777) return "gamma number 777 of many"
    return "777 is not below " + x
}
function f778(x: number) {
    if (x > 778) return "delta number 778 of many"
    return "778 is not below " + x
}
function f779(x: number) {
    if (x > 779) return "epsilon number 779 of many"
    return "779 is not below " + x
}
function f780(x: number) {
    if (x > 780) return "alpha number 780 of many"
    return "780 is not below " + x
}
function f781(x: number) {
    if (x > 781) return "beta number 781 of many"
    return "781 is not below " + x
}
function f782(x: number) {
    if (x > 782) return "gamma number 782 of many"
    return "782 is not below " + x
}
function f783(x: number) {
    if (x > 783) return "delta number 783 of many"
    return "783 is not below " + x
}
function f784(x: number) {
    if (x > 784) return "epsilon number 784 of many"
    return "784 is not below " + x
}
function f785(x: number) {
    if (x > 785) return "alpha number 785 of many"
    return "785 is not below " + x
}
function f786(x: number) {
    if (x > 786) return "beta number 786 of many"
    return "786 is not below " + x
}
function f787(x: number) {
    if (x > 787) return "gamma number 787 of many"
    return "787 is not below " + x
}
function f788(x: number) {
    if (x > 788) return "delta number 788 of many"
    return "788 is not below " + x
}
function f789(x: number) {
    if (x > 789) return "epsilon number 789 of many"
    return "789 is not below " + x
}
function f790(x: number) {
    if (x > 790) return "alpha number 790 of many"
    return "790 is not below " + x
}
function f791(x: number) {
    if (x > 791) return "beta number 791 of many"
    return "791 is not below " + x
}
function f792(x: number) {
    if (x > 792) return "gamma number 792 of many"
    return "792 is not below " + x
}
function f793(x: number) {
    if (x > 793) return "delta number 793 of many"
    return "793 is not below " + x
}
function f794(x: number) {
    if (x > 794) return "epsilon number 794 of many"
    return "794 is not below " + x
}
function f795(x: number) {
    if (x > 795) return "alpha number 795 of many"
    return "795 is not below " + x
}
function f796(x: number) {
    if (x > 796) return "beta number 796 of many"
    return "796 is not below " + x
}
function f797(x: number) {
    if (x > 797) return "gamma number 797 of many"
    return "797 is not below " + x
}
function f798(x: number) {
    if (x > 798) return "delta number 798 of many"
    return "798 is not below " + x
}
function f799(x: number) {
    if (x > 799) return "epsilon number 799 of many"
    return "799 is not below " + x
}
function f800(x: number) {
    if (x > 800) return "alpha number 800 of many"
    return "800 is not below " + x
}
function f801(x: number) {
    if (x > 801) return "beta number 801 of many"
    return "801 is not below " + x
}
function f802(x: number) {
    if (x > 802) return "gamma number 802 of many"
    return "802 is not below " + x
}
function f803(x: number) {
    if (x > 803) return "delta number 803 of many"
    return "803 is not below " + x
}
function f804(x: number) {
    if (x > 804) return "epsilon number 804 of many"
    return "804 is not below " + x
}
function f805(x: number) {
    if (x > 805) return "alpha number 805 of many"
    return "805 is not below " + x
}
function f806(x: number) {
    if (x > 806) return "beta number 806 of many"
    return "806 is not below " + x
}
function f807(x: number) {
    if (x > 807) return "gamma number 807 of many"
    return "807 is not below " + x
}
function f808(x: number) {
    if (x > 808) return "delta number 808 of many"
    return "808 is not below " + x
}
function f809(x: number) {
    if (x > 809) return "epsilon number 809 of many"
    return "809 is not below " + x
}
function f810(x: number) {
    if (x > 810) return "alpha number 810 of many"
    return "810 is not below " + x
}
function f811(x: number) {
    if (x > 811) return "beta number 811 of many"
    return "811 is not below " + x
}
function f812(x: number) {
    if (x > 812) return "gamma number 812 of many"
    return "812 is not below " + x
}
function f813(x: number) {
    if (x > 813) return "delta number 813 of many"
    return "813 is not below " + x
}
function f814(x: number) {
    if (x > 814) return "epsilon number 814 of many"
    return "814 is not below " + x
}
function f815(x: number) {
    if (x > 815) return "alpha number 815 of many"
    return "815 is not below " + x
}
function f816(x: number) {
    if (x > 816) return "beta number 816 of many"
    return "816 is not below " + x
}
function f817(x: number) {
    if (x > 817) return "gamma number 817 of many"
    return "817 is not below " + x
}
function f818(x: number) {
    if (x > 818) return "delta number 818 of many"
    return "818 is not below " + x
}
function f819(x: number) {
    if (x > 819) return "epsilon number 819 of many"
    return "819 is not below " + x
}
function f820(x: number) {
    if (x > 820) return "alpha number 820 of many"
    return "820 is not below " + x
}
function f821(x: number) {
    if (x > 821) return "beta number 821 of many"
    return "821 is not below " + x
}
function f822(x: number) {
    if (x > 822) return "gamma number 822 of many"
    return "822 is not below " + x
}
function f823(x: number) {
    if (x > 823) return "delta number 823 of many"
    return "823 is not below " + x
}
function f824(x: number) {
    if (x > 824) return "epsilon number 824 of many"
    return "824 is not below " + x
}
function f825(x: number) {
    if (x > 825) return "alpha number 825 of many"
    return "825 is not below " + x
}
function f826(x: number) {
    if (x > 826) return "beta number 826 of many"
    return "826 is not below " + x
}
function f827(x: number) {
    if (x > 827) return "gamma number 827 of many"
    return "827 is not below " + x
}
function f828(x: number) {
    if (x > 828) return "delta number 828 of many"
    return "828 is not below " + x
}
function f829(x: number) {
    if (x > 829) return "epsilon number 829 of many"
    return "829 is not below " + x
}
function f830(x: number) {
    if (x > 830) return "alpha number 830 of many"
    return "830 is not below " + x
}
function f831(x: number) {
    if (x > 831) return "beta number 831 of many"
    return "831 is not below " + x
}
function f832(x: number) {
    if (x > 832) return "gamma number 832 of many"
    return "832 is not below " + x
}
function f833(x: number) {
    if (x > 833) return "delta number 833 of many"
    return "833 is not below " + x
}
function f834(x: number) {
    if (x > 834) return "epsilon number 834 of many"
    return "834 is not below " + x
}
function f835(x: number) {
    if (x > 835) return "alpha number 835 of many"
    return "835 is not below " + x
}
function f836(x: number) {
    if (x > 836) return "beta number 836 of many"
    return "836 is not below " + x
}
function f837(x: number) {
    if (x > 837) return "gamma number 837 of many"
    return "837 is not below " + x
}
function f838(x: number) {
    if (x > 838) return "delta number 838 of many"
    return "838 is not below " + x
}
function f839(x: number) {
    if (x > 839) return "epsilon number 839 of many"
    return "839 is not below " + x
}
function f840(x: number) {
    if (x > 840) return "alpha number 840 of many"
    return "840 is not below " + x
}
function f841(x: number) {
    if (x > 841) return "beta number 841 of many"
    return "841 is not below " + x
}
function f842(x: number) {
    if (x > 842) return "gamma number 842 of many"
    return "842 is not below " + x
}
function f843(x: number) {
    if (x > 843) return "delta number 843 of many"
    return "843 is not below " + x
}
function f844(x: number) {
    if (x > 844) return "epsilon number 844 of many"
    return "844 is not below " + x
}
function f845(x: number) {
    if (x > 845) return "alpha number 845 of many"
    return "845 is not below " + x
}
function f846(x: number) {
    if (x > 846) return "beta number 846 of many"
    return "846 is not below " + x
}
function f847(x: number) {
    if (x > 847) return "gamma number 847 of many"
    return "847 is not below " + x
}
function f848(x: number) {
    if (x > 848) return "delta number 848 of many"
    return "848 is not below " + x
}
function f849(x: number) {
    if (x > 849) return "epsilon number 849 of many"
    return "849 is not below " + x
}
function f850(x: number) {
    if (x > 850) return "alpha number 850 of many"
    return "850 is not below " + x
}
function f851(x: number) {
    if (x > 851) return "beta number 851 of many"
    return "851 is not below " + x
}
function f852(x: number) {
    if (x > 852) return "gamma number 852 of many"
    return "852 is not below " + x
}
function f853(x: number) {
    if (x > 853) return "delta number 853 of many"
    return "853 is not below " + x
}
function f854(x: number) {
    if (x > 854) return "epsilon number 854 of many"
    return "854 is not below " + x
}
function f855(x: number) {
    if (x > 855) return "alpha number 855 of many"
    return "855 is not below " + x
}
function f856(x: number) {
    if (x > 856) return "beta number 856 of many"
    return "856 is not below " + x
}
function f857(x: number) {
    if (x > 857) return "gamma number 857 of many"
    return "857 is not below " + x
}
function f858(x: number) {
    if (x > 858) return "delta number 858 of many"
    return "858 is not below " + x
}
function f859(x: number) {
    if (x > 859) return "epsilon number 859 of many"
    return "859 is not below " + x
}
function f860(x: number) {
    if (x > 860) return "alpha number 860 of many"
    return "860 is not below " + x
}
function f861(x: number) {
    if (x > 861) return "beta number 861 of many"
    return "861 is not below " + x
}
function f862(x: number) {
    if (x > 862) return "gamma number 862 of many"
    return "862 is not below " + x
}
function f863(x: number) {
    if (x > 863) return "delta number 863 of many"
    return "863 is not below " + x
}
function f864(x: number) {
    if (x > 864) return "epsilon number 864 of many"
    return "864 is not below " + x
}
function f865(x: number) {
    if (x > 865) return "alpha number 865 of many"
    return "865 is not below " + x
}
function f866(x: number) {
    if (x > 866) return "beta number 866 of many"
    return "866 is not below " + x
}
function f867(x: number) {
    if (x > 867) return "gamma number 867 of many"
    return "867 is not below " + x
}
function f868(x: number) {
    if (x > 868) return "delta number 868 of many"
    return "868 is not below " + x
}
function f869(x: number) {
    if (x > 869) return "epsilon number 869 of many"
    return "869 is not below " + x
}
function f870(x: number) {
    if (x > 870) return "alpha number 870 of many"
    return "870 is not below " + x
}
function f871(x: number) {
    if (x > 871) return "beta number 871 of many"
    return "871 is not below " + x
}
function f872(x: number) {
    if (x > 872) return "gamma number 872 of many"
    return "872 is not below " + x
}
function f873(x: number) {
    if (x > 873) return "delta number 873 of many"
    return "873 is not below " + x
}
function f874(x: number) {
    if (x > 874) return "epsilon number 874 of many"
    return "874 is not below " + x
}
function f875(x: number) {
    if (x > 875) return "alpha number 875 of many"
    return "875 is not below " + x
}
function f876(x: number) {
    if (x > 876) return "beta number 876 of many"
    return "876 is not below " + x
}
function f877(x: number) {
    if (x > 877) return "gamma number 877 of many"
    return "877 is not below " + x
}
function f878(x: number) {
    if (x > 878) return "delta number 878 of many"
    return "878 is not below " + x
}
function f879(x: number) {
    if (x > 879) return "epsilon number 879 of many"
    return "879 is not below " + x
}
function f880(x: number) {
    if (x > 880) return "alpha number 880 of many"
    return "880 is not below " + x
}
function f881(x: number) {
    if (x > 881) return "beta number 881 of many"
    return "881 is not below " + x
}
function f882(x: number) {
    if (x > 882) return "gamma number 882 of many"
    return "882 is not below " + x
}
function f883(x: number) {
    if (x > 883) return "delta number 883 of many"
    return "883 is not below " + x
}
function f884(x: number) {
    if (x > 884) return "epsilon number 884 of many"
    return "884 is not below " + x
}
function f885(x: number) {
    if (x > 885) return "alpha number 885 of many"
    return "885 is not below " + x
}
function f886(x: number) {
    if (x > 886) return "beta number 886 of many"
    return "886 is not below " + x
}
function f887(x: number) {
    if (x > 887) return "gamma number 887 of many"
    return "887 is not below " + x
}
function f888(x: number) {
    if (x > 888) return "delta number 888 of many"
    return "888 is not below " + x
}
function f889(x: number) {
    if (x > 889) return "epsilon number 889 of many"
    return "889 is not below " + x
}
function f890(x: number) {
    if (x > 890) return "alpha number 890 of many"
    return "890 is not below " + x
}
function f891(x: number) {
    if (x > 891) return "beta number 891 of many"
    return "891 is not below " + x
}
function f892(x: number) {
    if (x > 892) return "gamma number 892 of many"
    return "892 is not below " + x
}
function f893(x: number) {
    if (x > 893) return "delta number 893 of many"
    return "893 is not below " + x
}
function f894(x: number) {
    if (x > 894) return "epsilon number 894 of many"
    return "894 is not below " + x
}
function f895(x: number) {
    if (x > 895) return "alpha number 895 of many"
    return "895 is not below " + x
}
function f896(x: number) {
    if (x > 896) return "beta number 896 of many"
    return "896 is not below " + x
}
function f897(x: number) {
    if (x > 897) return "gamma number 897 of many"
    return "897 is not below " + x
}
function f898(x: number) {
    if (x > 898) return "delta number 898 of many"
    return "898 is not below " + x
}
function f899(x: number) {
    if (x > 899) return "epsilon number 899 of many"
    return "899 is not below " + x
}
function f900(x: number) {
    if (x > 900) return "alpha number 900 of many"
    return "900 is not below " + x
}
function f901(x: number) {
    if (x > 901) return "beta number 901 of many"
    return "901 is not below " + x
}
function f902(x: number) {
    if (x > 902) return "gamma number 902 of many"
    return "902 is not below " + x
}
function f903(x: number) {
    if (x > 903) return "delta number 903 of many"
    return "903 is not below " + x
}
function f904(x: number) {
    if (x > 904) return "epsilon number 904 of many"
    return "904 is not below " + x
}
function f905(x: number) {
    if (x > 905) return "alpha number 905 of many"
    return "905 is not below " + x
}
function f906(x: number) {
    if (x > 906) return "beta number 906 of many"
    return "906 is not below " + x
}
function f907(x: number) {
    if (x > 907) return "gamma number 907 of many"
    return "907 is not below " + x
}
function f908(x: number) {
    if (x > 908) return "delta number 908 of many"
    return "908 is not below " + x
}
function f909(x: number) {
    if (x > 909) return "epsilon number 909 of many"
    return "909 is not below " + x
}
function f910(x: number) {
    if (x > 910) return "alpha number 910 of many"
    return "910 is not below " + x
}
function f911(x: number) {
    if (x > 911) return "beta number 911 of many"
    return "911 is not below " + x
}
function f912(x: number) {
    if (x > 912) return "gamma number 912 of many"
    return "912 is not below " + x
}
function f913(x: number) {
    if (x > 913) return "delta number 913 of many"
    return "913 is not below " + x
}
function f914(x: number) {
    if (x > 914) return "epsilon number 914 of many"
    return "914 is not below " + x
}
function f915(x: number) {
    if (x > 915) return "alpha number 915 of many"
    return "915 is not below " + x
}
function f916(x: number) {
    if (x > 916) return "beta number 916 of many"
    return "916 is not below " + x
}
function f917(x: number) {
    if (x > 917) return "gamma number 917 of many"
    return "917 is not below " + x
}
function f918(x: number) {
    if (x > 918) return "delta number 918 of many"
    return "918 is not below " + x
}
function f919(x: number) {
    if (x > 919) return "epsilon number 919 of many"
    return "919 is not below " + x
}
function f920(x: number) {
    if (x > 920) return "alpha number 920 of many"
    return "920 is not below " + x
}
function f921(x: number) {
    if (x > 921) return "beta number 921 of many"
    return "921 is not below " + x
}
function f922(x: number) {
    if (x > 922) return "gamma number 922 of many"
    return "922 is not below " + x
}
function f923(x: number) {
    if (x > 923) return "delta number 923 of many"
    return "923 is not below " + x
}
function f924(x: number) {
    if (x > 924) return "epsilon number 924 of many"
    return "924 is not below " + x
}
function f925(x: number) {
    if (x > 925) return "alpha number 925 of many"
    return "925 is not below " + x
}
function f926(x: number) {
    if (x > 926) return "beta number 926 of many"
    return "926 is not below " + x
}
function f927(x: number) {
    if (x > 927) return "gamma number 927 of many"
    return "927 is not below " + x
}
function f928(x: number) {
    if (x > 928) return "delta number 928 of many"
    return "928 is not below " + x
}
function f929(x: number) {
    if (x > 929) return "epsilon number 929 of many"
    return "929 is not below " + x
}
function f930(x: number) {
    if (x > 930) return "alpha number 930 of many"
    return "930 is not below " + x
}
function f931(x: number) {
    if (x > 931) return "beta number 931 of many"
    return "931 is not below " + x
}
function f932(x: number) {
    if (x > 932) return "gamma number 932 of many"
    return "932 is not below " + x
}
function f933(x: number) {
    if (x > 933) return "delta number 933 of many"
    return "933 is not below " + x
}
function f934(x: number) {
    if (x > 934) return "epsilon number 934 of many"
    return "934 is not below " + x
}
function f935(x: number) {
    if (x > 935) return "alpha number 935 of many"
    return "935 is not below " + x
}
function f936(x: number) {
    if (x > 936) return "beta number 936 of many"
    return "936 is not below " + x
}
function f937(x: number) {
    if (x > 937) return "gamma number 937 of many"
    return "937 is not below " + x
}
function f938(x: number) {
    if (x > 938) return "delta number 938 of many"
    return "938 is not below " + x
}
function f939(x: number) {
    if (x > 939) return "epsilon number 939 of many"
    return "939 is not below " + x
}
function f940(x: number) {
    if (x > 940) return "alpha number 940 of many"
    return "940 is not below " + x
}
function f941(x: number) {
    if (x > 941) return "beta number 941 of many"
    return "941 is not below " + x
}
function f942(x: number) {
    if (x > 942) return "gamma number 942 of many"
    return "942 is not below " + x
}
function f943(x: number) {
    if (x > 943) return "delta number 943 of many"
    return "943 is not below " + x
}
function f944(x: number) {
    if (x > 944) return "epsilon number 944 of many"
    return "944 is not below " + x
}
function f945(x: number) {
    if (x > 945) return "alpha number 945 of many"
    return "945 is not below " + x
}
function f946(x: number) {
    if (x > 946) return "beta number 946 of many"
    return "946 is not below " + x
}
function f947(x: number) {
    if (x > 947) return "gamma number 947 of many"
    return "947 is not below " + x
}
function f948(x: number) {
    if (x > 948) return "delta number 948 of many"
    return "948 is not below " + x
}
function f949(x: number) {
    if (x > 949) return "epsilon number 949 of many"
    return "949 is not below " + x
}
function f950(x: number) {
    if (x > 950) return "alpha number 950 of many"
    return "950 is not below " + x
}
function f951(x: number) {
    if (x > 951) return "beta number 951 of many"
    return "951 is not below " + x
}
function f952(x: number) {
    if (x > 952) return "gamma number 952 of many"
    return "952 is not below " + x
}
function f953(x: number) {
    if (x > 953) return "delta number 953 of many"
    return "953 is not below " + x
}
function f954(x: number) {
    if (x > 954) return "epsilon number 954 of many"
    return "954 is not below " + x
}
function f955(x: number) {
    if (x > 955) return "alpha number 955 of many"
    return "955 is not below " + x
}
function f956(x: number) {
    if (x > 956) return "beta number 956 of many"
    return "956 is not below " + x
}
function f957(x: number) {
    if (x > 957) return "gamma number 957 of many"
    return "957 is not below " + x
}
function f958(x: number) {
    if (x > 958) return "delta number 958 of many"
    return "958 is not below " + x
}
function f959(x: number) {
    if (x > 959) return "epsilon number 959 of many"
    return "959 is not below " + x
}
function f960(x: number) {
    if (x > 960) return "alpha number 960 of many"
    return "960 is not below " + x
}
function f961(x: number) {
    if (x > 961) return "beta number 961 of many"
    return "961 is not below " + x
}
function f962(x: number) {
    if (x > 962) return "gamma number 962 of many"
    return "962 is not below " + x
}
function f963(x: number) {
    if (x > 963) return "delta number 963 of many"
    return "963 is not below " + x
}
function f964(x: number) {
    if (x > 964) return "epsilon number 964 of many"
    return "964 is not below " + x
}
function f965(x: number) {
    if (x > 965) return "alpha number 965 of many"
    return "965 is not below " + x
}
function f966(x: number) {
    if (x > 966) return "beta number 966 of many"
    return "966 is not below " + x
}
function f967(x: number) {
    if (x > 967) return "gamma number 967 of many"
    return "967 is not below " + x
}
function f968(x: number) {
    if (x > 968) return "delta number 968 of many"
    return "968 is not below " + x
}
function f969(x: number) {
    if (x > 969) return "epsilon number 969 of many"
    return "969 is not below " + x
}
function f970(x: number) {
    if (x > 970) return "alpha number 970 of many"
    return "970 is not below " + x
}
function f971(x: number) {
    if (x > 971) return "beta number 971 of many"
    return "971 is not below " + x
}
function f972(x: number) {
    if (x > 972) return "gamma number 972 of many"
    return "972 is not below " + x
}
function f973(x: number) {
    if (x > 973) return "delta number 973 of many"
    return "973 is not below " + x
}
function f974(x: number) {
    if (x > 974) return "epsilon number 974 of many"
    return "974 is not below " + x
}
function f975(x: number) {
    if (x > 975) return "alpha number 975 of many"
    return "975 is not below " + x
}
function f976(x: number) {
    if (x > 976) return "beta number 976 of many"
    return "976 is not below " + x
}
function f977(x: number) {
    if (x > 977) return "gamma number 977 of many"
    return "977 is not below " + x
}
function f978(x: number) {
    if (x > 978) return "delta number 978 of many"
    return "978 is not below " + x
}
function f979(x: number) {
    if (x > 979) return "epsilon number 979 of many"
    return "979 is not below " + x
}
function f980(x: number) {
    if (x > 980) return "alpha number 980 of many"
    return "980 is not below " + x
}
function f981(x: number) {
    if (x > 981) return "beta number 981 of many"
    return "981 is not below " + x
}
function f982(x: number) {
    if (x > 982) return "gamma number 982 of many"
    return "982 is not below " + x
}
function f983(x: number) {
    if (x > 983) return "delta number 983 of many"
    return "983 is not below " + x
}
function f984(x: number) {
    if (x > 984) return "epsilon number 984 of many"
    return "984 is not below " + x
}
function f985(x: number) {
    if (x > 985) return "alpha number 985 of many"
    return "985 is not below " + x
}
function f986(x: number) {
    if (x > 986) return "beta number 986 of many"
    return "986 is not below " + x
}
function f987(x: number) {
    if (x > 987) return "gamma number 987 of many"
    return "987 is not below " + x
}
function f988(x: number) {
    if (x > 988) return "delta number 988 of many"
    return "988 is not below " + x
}
function f989(x: number) {
    if (x > 989) return "epsilon number 989 of many"
    return "989 is not below " + x
}
function f990(x: number) {
    if (x > 990) return "alpha number 990 of many"
    return "990 is not below " + x
}
function f991(x: number) {
    if (x > 991) return "beta number 991 of many"
    return "991 is not below " + x
}
function f992(x: number) {
    if (x > 992) return "gamma number 992 of many"
    return "992 is not below " + x
}
function f993(x: number) {
    if (x > 993) return "delta number 993 of many"
    return "993 is not below " + x
}
function f994(x: number) {
    if (x > 994) return "epsilon number 994 of many"
    return "994 is not below " + x
}
function f995(x: number) {
    if (x > 995) return "alpha number 995 of many"
    return "995 is not below " + x
}
function f996(x: number) {
    if (x > 996) return "beta number 996 of many"
    return "996 is not below " + x
}
function f997(x: number) {
    if (x > 997) return "gamma number 997 of many"
    return "997 is not below " + x
}
function f998(x: number) {
    if (x > 998) return "delta number 998 of many"
    return "998 is not below " + x
}
function f999(x: number) {
    if (x > 999) return "epsilon number 999 of many"
    return "999 is not below " + x
}
const all: ((x: number) => string)[] = []
all.push(f0)
all.push(f1)
all.push(f2)
all.push(f3)
all.push(f4)
all.push(f5)
all.push(f6)
all.push(f7)
all.push(f8)
all.push(f9)
all.push(f10)
all.push(f11)
all.push(f12)
all.push(f13)
all.push(f14)
all.push(f15)
all.push(f16)
all.push(f17)
all.push(f18)
all.push(f19)
all.push(f20)
all.push(f21)
all.push(f22)
all.push(f23)
all.push(f24)
all.push(f25)
all.push(f26)
all.push(f27)
all.push(f28)
all.push(f29)
all.push(f30)
all.push(f31)
all.push(f32)
all.push(f33)
all.push(f34)
all.push(f35)
all.push(f36)
all.push(f37)
all.push(f38)
all.push(f39)
all.push(f40)
all.push(f41)
all.push(f42)
all.push(f43)
all.push(f44)
all.push(f45)
all.push(f46)
all.push(f47)
all.push(f48)
all.push(f49)
all.push(f50)
all.push(f51)
all.push(f52)
all.push(f53)
all.push(f54)
all.push(f55)
all.push(f56)
all.push(f57)
all.push(f58)
all.push(f59)
all.push(f60)
all.push(f61)
all.push(f62)
all.push(f63)
all.push(f64)
all.push(f65)
all.push(f66)
all.push(f67)
all.push(f68)
all.push(f69)
all.push(f70)
all.push(f71)
all.push(f72)
all.push(f73)
all.push(f74)
all.push(f75)
all.push(f76)
all.push(f77)
all.push(f78)
all.push(f79)
all.push(f80)
all.push(f81)
all.push(f82)
all.push(f83)
all.push(f84)
all.push(f85)
all.push(f86)
all.push(f87)
all.push(f88)
all.push(f89)
all.push(f90)
all.push(f91)
all.push(f92)
all.push(f93)
all.push(f94)
all.push(f95)
all.push(f96)
all.push(f97)
all.push(f98)
all.push(f99)
all.push(f100)
all.push(f101)
all.push(f102)
all.push(f103)
all.push(f104)
all.push(f105)
all.push(f106)
all.push(f107)
all.push(f108)
all.push(f109)
all.push(f110)
all.push(f111)
all.push(f112)
all.push(f113)
all.push(f114)
all.push(f115)
all.push(f116)
all.push(f117)
all.push(f118)
all.push(f119)
all.push(f120)
all.push(f121)
all.push(f122)
all.push(f123)
all.push(f124)
all.push(f125)
all.push(f126)
all.push(f127)
all.push(f128)
all.push(f129)
all.push(f130)
all.push(f131)
all.push(f132)
all.push(f133)
all.push(f134)
all.push(f135)
all.push(f136)
all.push(f137)
all.push(f138)
all.push(f139)
all.push(f140)
all.push(f141)
all.push(f142)
all.push(f143)
all.push(f144)
all.push(f145)
all.push(f146)
all.push(f147)
all.push(f148)
all.push(f149)
all.push(f150)
all.push(f151)
all.push(f152)
all.push(f153)
all.push(f154)
all.push(f155)
all.push(f156)
all.push(f157)
all.push(f158)
all.push(f159)
all.push(f160)
all.push(f161)
all.push(f162)
all.push(f163)
all.push(f164)
all.push(f165)
all.push(f166)
all.push(f167)
all.push(f168)
all.push(f169)
all.push(f170)
all.push(f171)
all.push(f172)
all.push(f173)
all.push(f174)
all.push(f175)
all.push(f176)
all.push(f177)
all.push(f178)
all.push(f179)
all.push(f180)
all.push(f181)
all.push(f182)
all.push(f183)
all.push(f184)
all.push(f185)
all.push(f186)
all.push(f187)
all.push(f188)
all.push(f189)
all.push(f190)
all.push(f191)
all.push(f192)
all.push(f193)
all.push(f194)
all.push(f195)
all.push(f196)
all.push(f197)
all.push(f198)
all.push(f199)
all.push(f200)
all.push(f201)
all.push(f202)
all.push(f203)
all.push(f204)
all.push(f205)
all.push(f206)
all.push(f207)
all.push(f208)
all.push(f209)
all.push(f210)
all.push(f211)
all.push(f212)
all.push(f213)
all.push(f214)
all.push(f215)
all.push(f216)
all.push(f217)
all.push(f218)
all.push(f219)
all.push(f220)
all.push(f221)
all.push(f222)
all.push(f223)
all.push(f224)
all.push(f225)
all.push(f226)
all.push(f227)
all.push(f228)
all.push(f229)
all.push(f230)
all.push(f231)
all.push(f232)
all.push(f233)
all.push(f234)
all.push(f235)
all.push(f236)
all.push(f237)
all.push(f238)
all.push(f239)
all.push(f240)
all.push(f241)
all.push(f242)
all.push(f243)
all.push(f244)
all.push(f245)
all.push(f246)
all.push(f247)
all.push(f248)
all.push(f249)
all.push(f250)
all.push(f251)
all.push(f252)
all.push(f253)
all.push(f254)
all.push(f255)
all.push(f256)
all.push(f257)
all.push(f258)
all.push(f259)
all.push(f260)
all.push(f261)
all.push(f262)
all.push(f263)
all.push(f264)
all.push(f265)
all.push(f266)
all.push(f267)
all.push(f268)
all.push(f269)
all.push(f270)
all.push(f271)
all.push(f272)
all.push(f273)
all.push(f274)
all.push(f275)
all.push(f276)
all.push(f277)
all.push(f278)
all.push(f279)
all.push(f280)
all.push(f281)
all.push(f282)
all.push(f283)
all.push(f284)
all.push(f285)
all.push(f286)
all.push(f287)
all.push(f288)
all.push(f289)
all.push(f290)
all.push(f291)
all.push(f292)
all.push(f293)
all.push(f294)
all.push(f295)
all.push(f296)
all.push(f297)
all.push(f298)
all.push(f299)
all.push(f300)
all.push(f301)
all.push(f302)
all.push(f303)
all.push(f304)
all.push(f305)
all.push(f306)
all.push(f307)
all.push(f308)
all.push(f309)
all.push(f310)
all.push(f311)
all.push(f312)
all.push(f313)
all.push(f314)
all.push(f315)
all.push(f316)
all.push(f317)
all.push(f318)
all.push(f319)
all.push(f320)
all.push(f321)
all.push(f322)
all.push(f323)
all.push(f324)
all.push(f325)
all.push(f326)
all.push(f327)
all.push(f328)
all.push(f329)
all.push(f330)
all.push(f331)
all.push(f332)
all.push(f333)
all.push(f334)
all.push(f335)
all.push(f336)
all.push(f337)
all.push(f338)
all.push(f339)
all.push(f340)
all.push(f341)
all.push(f342)
all.push(f343)
all.push(f344)
all.push(f345)
all.push(f346)
all.push(f347)
all.push(f348)
all.push(f349)
all.push(f350)
all.push(f351)
all.push(f352)
all.push(f353)
all.push(f354)
all.push(f355)
all.push(f356)
all.push(f357)
all.push(f358)
all.push(f359)
all.push(f360)
all.push(f361)
all.push(f362)
all.push(f363)
all.push(f364)
all.push(f365)
all.push(f366)
all.push(f367)
all.push(f368)
all.push(f369)
all.push(f370)
all.push(f371)
all.push(f372)
all.push(f373)
all.push(f374)
all.push(f375)
all.push(f376)
all.push(f377)
all.push(f378)
all.push(f379)
all.push(f380)
all.push(f381)
all.push(f382)
all.push(f383)
all.push(f384)
all.push(f385)
all.push(f386)
all.push(f387)
all.push(f388)
all.push(f389)
all.push(f390)
all.push(f391)
all.push(f392)
all.push(f393)
all.push(f394)
all.push(f395)
all.push(f396)
all.push(f397)
all.push(f398)
all.push(f399)
all.push(f400)
all.push(f401)
all.push(f402)
all.push(f403)
all.push(f404)
all.push(f405)
all.push(f406)
all.push(f407)
all.push(f408)
all.push(f409)
all.push(f410)
all.push(f411)
all.push(f412)
all.push(f413)
all.push(f414)
all.push(f415)
all.push(f416)
all.push(f417)
all.push(f418)
all.push(f419)
all.push(f420)
all.push(f421)
all.push(f422)
all.push(f423)
all.push(f424)
all.push(f425)
all.push(f426)
all.push(f427)
all.push(f428)
all.push(f429)
all.push(f430)
all.push(f431)
all.push(f432)
all.push(f433)
all.push(f434)
all.push(f435)
all.push(f436)
all.push(f437)
all.push(f438)
all.push(f439)
all.push(f440)
all.push(f441)
all.push(f442)
all.push(f443)
all.push(f444)
all.push(f445)
all.push(f446)
all.push(f447)
all.push(f448)
all.push(f449)
all.push(f450)
all.push(f451)
all.push(f452)
all.push(f453)
all.push(f454)
all.push(f455)
all.push(f456)
all.push(f457)
all.push(f458)
all.push(f459)
all.push(f460)
all.push(f461)
all.push(f462)
all.push(f463)
all.push(f464)
all.push(f465)
all.push(f466)
all.push(f467)
all.push(f468)
all.push(f469)
all.push(f470)
all.push(f471)
all.push(f472)
all.push(f473)
all.push(f474)
all.push(f475)
all.push(f476)
all.push(f477)
all.push(f478)
all.push(f479)
all.push(f480)
all.push(f481)
all.push(f482)
all.push(f483)
all.push(f484)
all.push(f485)
all.push(f486)
all.push(f487)
all.push(f488)
all.push(f489)
all.push(f490)
all.push(f491)
all.push(f492)
all.push(f493)
all.push(f494)
all.push(f495)
all.push(f496)
all.push(f497)
all.push(f498)
all.push(f499)
all.push(f500)
all.push(f501)
all.push(f502)
all.push(f503)
all.push(f504)
all.push(f505)
all.push(f506)
all.push(f507)
all.push(f508)
all.push(f509)
all.push(f510)
all.push(f511)
all.push(f512)
all.push(f513)
all.push(f514)
all.push(f515)
all.push(f516)
all.push(f517)
all.push(f518)
all.push(f519)
all.push(f520)
all.push(f521)
all.push(f522)
all.push(f523)
all.push(f524)
all.push(f525)
all.push(f526)
all.push(f527)
all.push(f528)
all.push(f529)
all.push(f530)
all.push(f531)
all.push(f532)
all.push(f533)
all.push(f534)
all.push(f535)
all.push(f536)
all.push(f537)
all.push(f538)
all.push(f539)
all.push(f540)
all.push(f541)
all.push(f542)
all.push(f543)
all.push(f544)
all.push(f545)
all.push(f546)
all.push(f547)
all.push(f548)
all.push(f549)
all.push(f550)
all.push(f551)
all.push(f552)
all.push(f553)
all.push(f554)
all.push(f555)
all.push(f556)
all.push(f557)
all.push(f558)
all.push(f559)
all.push(f560)
all.push(f561)
all.push(f562)
all.push(f563)
all.push(f564)
all.push(f565)
all.push(f566)
all.push(f567)
all.push(f568)
all.push(f569)
all.push(f570)
all.push(f571)
all.push(f572)
all.push(f573)
all.push(f574)
all.push(f575)
all.push(f576)
all.push(f577)
all.push(f578)
all.push(f579)
all.push(f580)
all.push(f581)
all.push(f582)
all.push(f583)
all.push(f584)
all.push(f585)
all.push(f586)
all.push(f587)
all.push(f588)
all.push(f589)
all.push(f590)
all.push(f591)
all.push(f592)
all.push(f593)
all.push(f594)
all.push(f595)
all.push(f596)
all.push(f597)
all.push(f598)
all.push(f599)
all.push(f600)
all.push(f601)
all.push(f602)
all.push(f603)
all.push(f604)
all.push(f605)
all.push(f606)
all.push(f607)
all.push(f608)
all.push(f609)
all.push(f610)
all.push(f611)
all.push(f612)
all.push(f613)
all.push(f614)
all.push(f615)
all.push(f616)
all.push(f617)
all.push(f618)
all.push(f619)
all.push(f620)
all.push(f621)
all.push(f622)
all.push(f623)
all.push(f624)
all.push(f625)
all.push(f626)
all.push(f627)
all.push(f628)
all.push(f629)
all.push(f630)
all.push(f631)
all.push(f632)
all.push(f633)
all.push(f634)
all.push(f635)
all.push(f636)
all.push(f637)
all.push(f638)
all.push(f639)
all.push(f640)
all.push(f641)
all.push(f642)
all.push(f643)
all.push(f644)
all.push(f645)
all.push(f646)
all.push(f647)
all.push(f648)
all.push(f649)
all.push(f650)
all.push(f651)
all.push(f652)
all.push(f653)
all.push(f654)
all.push(f655)
all.push(f656)
all.push(f657)
all.push(f658)
all.push(f659)
all.push(f660)
all.push(f661)
all.push(f662)
all.push(f663)
all.push(f664)
all.push(f665)
all.push(f666)
all.push(f667)
all.push(f668)
all.push(f669)
all.push(f670)
all.push(f671)
all.push(f672)
all.push(f673)
all.push(f674)
all.push(f675)
all.push(f676)
all.push(f677)
all.push(f678)
all.push(f679)
all.push(f680)
all.push(f681)
all.push(f682)
all.push(f683)
all.push(f684)
all.push(f685)
all.push(f686)
all.push(f687)
all.push(f688)
all.push(f689)
all.push(f690)
all.push(f691)
all.push(f692)
all.push(f693)
all.push(f694)
all.push(f695)
all.push(f696)
all.push(f697)
all.push(f698)
all.push(f699)
all.push(f700)
all.push(f701)
all.push(f702)
all.push(f703)
all.push(f704)
all.push(f705)
all.push(f706)
all.push(f707)
all.push(f708)
all.push(f709)
all.push(f710)
all.push(f711)
all.push(f712)
all.push(f713)
all.push(f714)
all.push(f715)
all.push(f716)
all.push(f717)
all.push(f718)
all.push(f719)
all.push(f720)
all.push(f721)
all.push(f722)
all.push(f723)
all.push(f724)
all.push(f725)
all.push(f726)
all.push(f727)
all.push(f728)
all.push(f729)
all.push(f730)
all.push(f731)
all.push(f732)
all.push(f733)
all.push(f734)
all.push(f735)
all.push(f736)
all.push(f737)
all.push(f738)
all.push(f739)
all.push(f740)
all.push(f741)
all.push(f742)
all.push(f743)
all.push(f744)
all.push(f745)
all.push(f746)
all.push(f747)
all.push(f748)
all.push(f749)
all.push(f750)
all.push(f751)
all.push(f752)
all.push(f753)
all.push(f754)
all.push(f755)
all.push(f756)
all.push(f757)
all.push(f758)
all.push(f759)
all.push(f760)
all.push(f761)
all.push(f762)
all.push(f763)
all.push(f764)
all.push(f765)
all.push(f766)
all.push(f767)
all.push(f768)
all.push(f769)
all.push(f770)
all.push(f771)
all.push(f772)
all.push(f773)
all.push(f774)
all.push(f775)
all.push(f776)
all.push(f777)
all.push(f778)
all.push(f779)
all.push(f780)
all.push(f781)
all.push(f782)
all.push(f783)
all.push(f784)
all.push(f785)
all.push(f786)
all.push(f787)
all.push(f788)
all.push(f789)
all.push(f790)
all.push(f791)
all.push(f792)
all.push(f793)
all.push(f794)
all.push(f795)
all.push(f796)
all.push(f797)
all.push(f798)
all.push(f799)
all.push(f800)
all.push(f801)
all.push(f802)
all.push(f803)
all.push(f804)
all.push(f805)
all.push(f806)
all.push(f807)
all.push(f808)
all.push(f809)
all.push(f810)
all.push(f811)
all.push(f812)
all.push(f813)
all.push(f814)
all.push(f815)
all.push(f816)
all.push(f817)
all.push(f818)
all.push(f819)
all.push(f820)
all.push(f821)
all.push(f822)
all.push(f823)
all.push(f824)
all.push(f825)
all.push(f826)
all.push(f827)
all.push(f828)
all.push(f829)
all.push(f830)
all.push(f831)
all.push(f832)
all.push(f833)
all.push(f834)
all.push(f835)
all.push(f836)
all.push(f837)
all.push(f838)
all.push(f839)
all.push(f840)
all.push(f841)
all.push(f842)
all.push(f843)
all.push(f844)
all.push(f845)
all.push(f846)
all.push(f847)
all.push(f848)
all.push(f849)
all.push(f850)
all.push(f851)
all.push(f852)
all.push(f853)
all.push(f854)
all.push(f855)
all.push(f856)
all.push(f857)
all.push(f858)
all.push(f859)
all.push(f860)
all.push(f861)
all.push(f862)
all.push(f863)
all.push(f864)
all.push(f865)
all.push(f866)
all.push(f867)
all.push(f868)
all.push(f869)
all.push(f870)
all.push(f871)
all.push(f872)
all.push(f873)
all.push(f874)
all.push(f875)
all.push(f876)
all.push(f877)
all.push(f878)
all.push(f879)
all.push(f880)
all.push(f881)
all.push(f882)
all.push(f883)
all.push(f884)
all.push(f885)
all.push(f886)
all.push(f887)
all.push(f888)
all.push(f889)
all.push(f890)
all.push(f891)
all.push(f892)
all.push(f893)
all.push(f894)
all.push(f895)
all.push(f896)
all.push(f897)
all.push(f898)
all.push(f899)
all.push(f900)
all.push(f901)
all.push(f902)
all.push(f903)
all.push(f904)
all.push(f905)
all.push(f906)
all.push(f907)
all.push(f908)
all.push(f909)
all.push(f910)
all.push(f911)
all.push(f912)
all.push(f913)
all.push(f914)
all.push(f915)
all.push(f916)
all.push(f917)
all.push(f918)
all.push(f919)
all.push(f920)
all.push(f921)
all.push(f922)
all.push(f923)
all.push(f924)
all.push(f925)
all.push(f926)
all.push(f927)
all.push(f928)
all.push(f929)
all.push(f930)
all.push(f931)
all.push(f932)
all.push(f933)
all.push(f934)
all.push(f935)
all.push(f936)
all.push(f937)
all.push(f938)
all.push(f939)
all.push(f940)
all.push(f941)
all.push(f942)
all.push(f943)
all.push(f944)
all.push(f945)
all.push(f946)
all.push(f947)
all.push(f948)
all.push(f949)
all.push(f950)
all.push(f951)
all.push(f952)
all.push(f953)
all.push(f954)
all.push(f955)
all.push(f956)
all.push(f957)
all.push(f958)
all.push(f959)
all.push(f960)
all.push(f961)
all.push(f962)
all.push(f963)
all.push(f964)
all.push(f965)
all.push(f966)
all.push(f967)
all.push(f968)
all.push(f969)
all.push(f970)
all.push(f971)
all.push(f972)
all.push(f973)
all.push(f974)
all.push(f975)
all.push(f976)
all.push(f977)
all.push(f978)
all.push(f979)
all.push(f980)
all.push(f981)
all.push(f982)
all.push(f983)
all.push(f984)
all.push(f985)
all.push(f986)
all.push(f987)
all.push(f988)
all.push(f989)
all.push(f990)
all.push(f991)
all.push(f992)
all.push(f993)
all.push(f994)
all.push(f995)
all.push(f996)
all.push(f997)
all.push(f998)
all.push(f999)
setInterval(async () => {
    console.log("large " + all[n % all.length](n))
    n++
}, 100)
